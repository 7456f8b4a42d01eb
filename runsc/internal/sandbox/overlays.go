package sandbox

import (
	"fmt"
	"os"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/overlays"
	"github.com/directfs/runsc/runsc/internal/supervise"
	"github.com/directfs/runsc/runsc/internal/volumes"
)

// goferFiles are the files that a container's gofer gets from the client: the
// overlays that the host's kernel makes, with their locks, and a connection to each
// daemon. The overlays are mounted before anything starts; nobody but this process
// and the gofer can reach them.
type goferFiles struct {
	plan     directfspolicy.Plan
	overlays []*os.File
	report   *overlays.Report
}

// prepareGoferFiles mounts the overlays of a plan.
func prepareGoferFiles(plan directfspolicy.Plan) (*goferFiles, error) {
	n := len(overlays.Needs(plan))
	if n > 0 && n+volumes.Connections(plan) > supervise.MaxFiles {
		return nil, fmt.Errorf("%w: %d for overlays and %d for volume daemons, and a container can have %d FDs for these; give it fewer mounts",
			volumes.ErrTooMany, n, volumes.Connections(plan), supervise.MaxFiles)
	}
	mounted, report, err := overlays.Mount(plan)
	return &goferFiles{plan, mounted, report}, err
}

// take returns the files, in the order in which the gofer expects them, and
// connects to the daemons. Afterwards they are the caller's.
func (g *goferFiles) take() ([]*os.File, error) {
	connected, err := volumes.Connect(g.plan)
	if err != nil {
		return nil, err
	}
	files := append(g.overlays, connected...)
	g.overlays = nil
	return files, nil
}

// close unmounts what no gofer took.
func (g *goferFiles) close() {
	if g == nil {
		return
	}
	for _, f := range g.overlays {
		f.Close()
	}
	g.overlays = nil
	g.report.Close()
}
