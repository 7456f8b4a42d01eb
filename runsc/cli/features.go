package cli

import (
	"context"
	"slices"

	"github.com/directfs/runsc/pkg/ociconfig"
	"github.com/google/subcommands"
	"gvisor.dev/gvisor/runsc/cmd"
	"gvisor.dev/gvisor/runsc/flag"
	"gvisor.dev/gvisor/runsc/specutils"
)

// features is the engine's command, which shows also the mount options that only
// this runtime knows. Engines ask: containerd gives a container recursively
// read-only mounts where the runtime says that it has them.
type features struct{ cmd.Features }

// Execute implements subcommands.Command.
func (f *features) Execute(ctx context.Context, flags *flag.FlagSet, args ...any) subcommands.ExitStatus {
	known := specutils.Features()
	known.MountOptions = slices.Concat(known.MountOptions, ociconfig.RecursiveOptions())
	slices.Sort(known.MountOptions)
	return f.Features.Execute(ctx, flags, args...)
}
