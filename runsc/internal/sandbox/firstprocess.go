package sandbox

import (
	"errors"
	"fmt"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/engine"
	"github.com/directfs/runsc/runsc/internal/firstprocess"
	"github.com/directfs/runsc/runsc/internal/overlays"
	"github.com/directfs/runsc/runsc/internal/plain"
	"github.com/directfs/runsc/runsc/internal/statedir"
	"gvisor.dev/gvisor/runsc/container"
)

// openReport opens what the first process of a container that another command has
// created will report, if it has one.
func openReport(c *container.Container, plan directfspolicy.Plan, start action) (*overlays.Report, error) {
	if !start.runs || !engine.HasFirstProcess(plan) {
		return nil, nil
	}
	return overlays.OpenReport(c.GoferPid.Load())
}

// awaitFirstProcess returns when the first process has mounted the overlays and is
// the container's process, or why it is not. What it says is not trusted.
func awaitFirstProcess(root string, id statedir.ID, report *overlays.Report) error {
	return firstProcessError(report.Wait(startTimeout, func() bool { return hasProcesses(root, id) }))
}

func firstProcessError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, firstprocess.ErrUnfinished):
		return fmt.Errorf("starting container: %w; what it wrote to the container's standard error may say why", err)
	}
	return fmt.Errorf("starting container: %s", plain.Text(err.Error()))
}
