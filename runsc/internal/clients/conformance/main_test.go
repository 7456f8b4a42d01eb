package conformance

import (
	"os"
	"testing"

	"github.com/directfs/runsc/runsc/internal/clients/lab"
)

func TestMain(m *testing.M) {
	os.Exit(lab.Main(m, "runc", "iptables", "ip", "ipcmk", "nsenter", "/usr/lib/cni/bridge", "/usr/lib/cni/portmap"))
}
