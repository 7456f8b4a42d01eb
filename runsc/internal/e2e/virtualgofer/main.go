// Command virtualgofer is runsc with two gofer extensions, as a program that
// serves mounts of its own would be built. Both serve host directories by the
// stock file server, as if there were none behind them; only one of them says
// beforehand which mounts it serves.
package main

import (
	"strings"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/cli"
	"github.com/directfs/runsc/runsc/internal/engine"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/lisafs"
	"gvisor.dev/gvisor/pkg/seccomp"
	"gvisor.dev/gvisor/runsc/fsgofer"
	"gvisor.dev/gvisor/runsc/fsgofer/extension"
)

func main() {
	// The gofer's filter has no call to ask for IDs.
	conf := &fsgofer.Config{RUID: unix.Getuid(), EUID: unix.Geteuid(), RGID: unix.Getgid(), EGID: unix.Getegid()}
	extension.Register(describing{claimant{"virtual", conf}})
	extension.Register(claimant{"undescribed", conf})
	cli.Main()
}

// claimant serves the mounts whose destination starts with its name.
type claimant struct {
	name string
	conf *fsgofer.Config
}

// Name implements extension.Extension.
func (c claimant) Name() string { return c.name }

func (c claimant) claims(destination string) bool { return strings.HasPrefix(destination, "/"+c.name) }

// TryHandleMount implements extension.Extension.
func (c claimant) TryHandleMount(_ *specs.Spec, _ *specs.Mount, path string, readOnly bool) (lisafs.ConnectionImpl, lisafs.ConnectionOpts, error) {
	if !c.claims(path) {
		return nil, lisafs.ConnectionOpts{}, nil
	}
	return fsgofer.NewConnectionImpl(c.conf), fsgofer.ConnectionOpts(readOnly), nil
}

// SeccompRules implements extension.Extension.
func (claimant) SeccompRules() seccomp.SyscallRules { return seccomp.NewSyscallRules() }

type describing struct{ claimant }

var _ engine.Describer = describing{}

// Describe implements engine.Describer.
func (d describing) Describe(_ *specs.Spec, m specs.Mount) directfspolicy.Backend {
	if d.claims(m.Destination) {
		return directfspolicy.VirtualGofer
	}
	return directfspolicy.NoGofer
}
