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
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/log"
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/container"
	"gvisor.dev/gvisor/runsc/specutils"
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
// the container's process, or why it is not. What it says is not trusted: with an
// error the container is ended.
func awaitFirstProcess(root string, id statedir.ID, report *overlays.Report) error {
	err := firstProcessError(report.Wait(startTimeout, func() bool { return hasProcesses(root, id) }))
	if err != nil {
		endFailed(root, id)
	}
	return err
}

// endFailed ends the processes of a container whose first process failed. It waits
// for the sandbox process that ends with them: until then, the container would be
// running to who asks. A container that is gone already is not an error.
func endFailed(root string, id statedir.ID) {
	if _, err := statedir.Status(root, id); err != nil {
		return
	}
	c, err := container.Load(root, id, container.LoadOpts{Exact: true, SkipCheck: true})
	if err != nil || c.Sandbox == nil {
		return
	}
	if err := c.SignalContainer(unix.SIGKILL, true); err != nil {
		log.Debugf("Ending container %q: %v", c.ID, err) // it has ended by itself
	}
	if pid := c.Sandbox.Getpid(); pid > 0 && c.Sandbox.IsRootContainer(c.ID) {
		if err := specutils.WaitForNonChildExit(pid, endingTimeout); err != nil {
			log.Warningf("The sandbox goes on after the first process of container %q has failed: %v", c.ID, err)
		}
	}
}

// completeRun is awaitFirstProcess for a container that the engine's run command
// has started. With an error the container is deleted, as that command would have
// done.
func completeRun(conf *config.Config, id statedir.ID, report *overlays.Report) error {
	failed := awaitFirstProcess(conf.RootDir, id, report)
	if failed == nil {
		return nil
	}
	if _, err := statedir.Status(conf.RootDir, id); err != nil {
		return failed // the command waited for it, and has deleted it
	}
	c, err := container.Load(conf.RootDir, id, container.LoadOpts{Exact: true, SkipCheck: true})
	if err != nil {
		return errors.Join(failed, fmt.Errorf("loading container: %w", err))
	}
	return errors.Join(failed, destroy(conf, c))
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
