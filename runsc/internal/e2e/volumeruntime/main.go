// Command volumeruntime is runsc with a volume backend of its own, as somebody
// builds it who serves local sources. E2E_VOLUMES is the directory of
// volumes.Resolver.
package main

import (
	"os"

	"github.com/directfs/runsc/pkg/volume"
	"github.com/directfs/runsc/pkg/volume/hostdir"
	"github.com/directfs/runsc/runsc/cli"
	"github.com/directfs/runsc/runsc/internal/e2e/volumes"
)

func main() {
	cli.RegisterVolumes(volume.Backend{Name: "local", Resolve: volumes.Resolver(os.Getenv("E2E_VOLUMES")), Syscalls: hostdir.Syscalls})
	cli.Main()
}
