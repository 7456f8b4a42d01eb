package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/directfs/runsc/runsc/internal/statedir"
	"github.com/google/subcommands"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"gvisor.dev/gvisor/pkg/log"
	"gvisor.dev/gvisor/runsc/cmd"
	"gvisor.dev/gvisor/runsc/cmd/util"
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/container"
	"gvisor.dev/gvisor/runsc/flag"
	"gvisor.dev/gvisor/runsc/specutils"
)

// remove is the "delete" command.
type remove struct{ cmd.Delete }

// Delete returns the "delete" command.
func Delete() util.SubCommand { return Clean(&ending{&remove{}, forced}) }

// Execute implements subcommands.Command.Execute.
func (r *remove) Execute(_ context.Context, f *flag.FlagSet, args ...any) subcommands.ExitStatus {
	if f.NArg() == 0 {
		f.Usage()
		return subcommands.ExitUsageError
	}
	conf := args[0].(*config.Config)
	force := f.Lookup("force").Value.String() == "true"
	for i, id := range f.Args() {
		if force && i > 0 {
			watchNamed(conf.RootDir, id) // the first one is: see forced
		}
		if err := deleteContainer(conf, id, force); err != nil {
			util.Fatalf("%v", err)
		}
	}
	statedir.SweepLocks(conf.RootDir, isDrawnID) // of containers that others delete meanwhile
	return subcommands.ExitSuccess
}

func deleteContainer(conf *config.Config, id string, force bool) error {
	c, err := container.Load(conf.RootDir, statedir.ID{ContainerID: id}, container.LoadOpts{})
	if errors.Is(err, os.ErrNotExist) && force {
		log.Warningf("couldn't find container %q: %v", id, err)
		return nil
	}
	if err != nil {
		return fmt.Errorf("loading container %q: %w", id, err)
	}
	if statedir.Disown(c) && c.Sandbox != nil && c.Status != container.Stopped {
		c.CheckStopped()
	}
	if !force && c.Status != container.Created && c.Status != container.Stopped && !isEnding(c) {
		return errors.New("cannot delete container that is not stopped without --force flag")
	}
	if err := destroy(conf, c); err != nil {
		return fmt.Errorf("destroying container: %w", err)
	}
	return nil
}

// endingTimeout is how long a sandbox process may take to exit when its work is done.
const endingTimeout = 10 * time.Second

// isEnding waits for a container that is about to end. While the sandbox
// process exits, it answers no more, but is still there: the engine calls that
// container running (runsc/container/container.go:2471), and if it was asked
// just before, stopped.
func isEnding(c *container.Container) bool {
	if c.Sandbox == nil {
		return true
	}
	if _, err := c.Sandbox.ContainerRuntimeState(c.ID); err == nil {
		return false // it answers: the engine knows the container's state
	}
	pid := c.Sandbox.Getpid()
	return pid <= 0 || specutils.WaitForNonChildExit(pid, endingTimeout) == nil
}

// destroy deletes a container and what this runtime keeps of it.
func destroy(conf *config.Config, c *container.Container) error {
	id := c.Saver.ID
	files, err := statedir.FindFilestores(conf.RootDir, id)
	if err != nil {
		log.Warningf("Looking for files behind overlays of container %q: %v", c.ID, err)
	}
	stop := watchEnd(c)
	removeMemberCgroups(conf.RootDir, c)
	err = withoutGoneFilestores(c.Destroy())
	if err != nil && c.Sandbox != nil && !c.Sandbox.IsRootContainer(c.ID) && isEnding(c) {
		// Its sandbox was destroyed meanwhile, which the engine did not expect: it
		// has left the gofer and the cgroup.
		err = withoutGoneFilestores(c.Destroy())
	}
	stop()
	if err != nil && isDestroyed(c, err) {
		err = removeCgroup(c)
	}
	if err := errors.Join(err, statedir.Forget(conf.RootDir, id)); err != nil {
		return err
	}
	return files.Remove()
}

// withoutGoneFilestores drops complaints about files behind overlays that are no
// longer there. An engine that lost the process which would have called "delete"
// removes the rootfs, and that file in it, first. All else was done.
func withoutGoneFilestores(err error) error {
	if err == nil {
		return nil
	}
	lines := strings.Split(err.Error(), "\n")
	kept := slices.DeleteFunc(slices.Clone(lines), func(line string) bool {
		return strings.HasPrefix(line, "failed to delete filestore file ") && // runsc/container/container.go:1023
			strings.HasSuffix(line, ": "+syscall.ENOENT.Error())
	})
	switch len(kept) {
	case len(lines):
		return err
	case 0:
		return nil
	}
	return errors.New(strings.Join(kept, "\n"))
}

// isDestroyed reports whether all that is wrong with destroying a container is
// that its sandbox has done so before, for a client that died then. The engine
// calls that container stopped, and has removed its files nevertheless.
func isDestroyed(c *container.Container, err error) bool {
	notFound := fmt.Sprintf("container %q not found", c.ID) // runsc/boot/loader.go:2413
	return strings.HasSuffix(err.Error(), notFound) && !strings.Contains(err.Error(), "\n")
}

// removeCgroup removes the container's own cgroup, if it joined a sandbox and has
// one, which the engine then leaves. The gofer ended with the container.
func removeCgroup(c *container.Container) error {
	if c.CompatCgroup.Cgroup == nil {
		return nil
	}
	return c.CompatCgroup.Cgroup.Uninstall()
}

// cleaning is a command before which the root directory is cleaned of what
// clients that died have left.
type cleaning struct{ util.SubCommand }

// Clean makes a command of the engine clean the root directory first.
func Clean(c util.SubCommand) util.SubCommand { return cleaning{c} }

// FetchSpec implements util.SubCommand.FetchSpec. It is the first that is
// called of a command, and looks for the container already.
func (c cleaning) FetchSpec(conf *config.Config, f *flag.FlagSet) (string, *specs.Spec, error) {
	statedir.Sweep(conf.RootDir)
	return fetchSpec(c.SubCommand, conf, f)
}

// tidy is a command that leaves nothing behind if its container is deleted while
// it looks for it.
type tidy struct{ util.SubCommand }

// Tidy makes a command of the engine remove what it makes of a container that it
// does not find.
func Tidy(c util.SubCommand) util.SubCommand { return tidy{c} }

// FetchSpec implements util.SubCommand.FetchSpec.
func (c tidy) FetchSpec(conf *config.Config, f *flag.FlagSet) (string, *specs.Spec, error) {
	return fetchSpec(c.SubCommand, conf, f)
}

func fetchSpec(c util.SubCommand, conf *config.Config, f *flag.FlagSet) (string, *specs.Spec, error) {
	id, spec, err := c.FetchSpec(conf, f)
	if err != nil {
		statedir.SweepLocks(conf.RootDir, isDrawnID)
	}
	return id, spec, err
}
