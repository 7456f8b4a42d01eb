package containerd

import (
	"os"
	"testing"

	"github.com/directfs/runsc/runsc/internal/clients/lab"
)

func TestMain(m *testing.M) {
	os.Exit(lab.Main(m, "containerd", "runc", "iptables", "/usr/lib/cni/bridge"))
}
