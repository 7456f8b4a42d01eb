package sandbox

import (
	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/engine"
	"github.com/directfs/runsc/runsc/internal/supervise"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"gvisor.dev/gvisor/runsc/config"
)

// supervision is what the processes of a container are started with, as far as
// its Plan says.
func supervision(conf *config.Config, spec *specs.Spec, plan directfspolicy.Plan) supervise.Options {
	o := supervise.Options{Files: engine.Sinks(conf), Bounding: map[supervise.Kind]uint64{}}
	for _, d := range plan.Decisions() {
		if len(d.Sources) > 0 {
			o.Mounts++
		}
	}
	// The engine donates FDs for mounts too that no gofer serves: images, and
	// what an annotation makes a tmpfs. The Plan may know of mounts that are not
	// in the spec yet.
	o.Mounts = max(o.Mounts, engine.MountsWithFDs(spec))
	if set, ok := engine.GoferBounding(conf, spec); ok {
		o.Bounding[supervise.Gofer] = set
	}
	if set, ok := engine.SandboxBounding(conf, plan); ok {
		o.Bounding[supervise.Sandbox] = set
	}
	return o
}
