package kubelet

import (
	"os"
	"testing"

	"github.com/directfs/runsc/runsc/internal/clients/lab"
)

func TestMain(m *testing.M) {
	os.Exit(lab.Main(m, "runc", "iptables", "unshare", "/usr/lib/cni/bridge"))
}
