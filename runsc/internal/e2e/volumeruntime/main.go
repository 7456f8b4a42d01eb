// Command volumeruntime is runsc with volume backends of its own, as somebody
// builds it who serves local sources: local, and calm, which declares no system
// calls. E2E_VOLUMES is the directory of volumes.Resolver.
package main

import (
	"os"

	"github.com/directfs/runsc/pkg/volume"
	"github.com/directfs/runsc/pkg/volume/hostdir"
	"github.com/directfs/runsc/runsc/cli"
	"github.com/directfs/runsc/runsc/internal/e2e/volumes"
)

func main() {
	resolve := volumes.Resolver(os.Getenv("E2E_VOLUMES"))
	cli.RegisterVolumes(volume.Backend{Name: "local", Resolve: resolve, Syscalls: hostdir.Syscalls})
	cli.RegisterVolumes(volume.Backend{Name: "calm", Resolve: resolve})
	cli.Main()
}
