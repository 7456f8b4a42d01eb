package gofer

import (
	"fmt"
	"runtime"
	"strconv"

	"github.com/directfs/runsc/runsc/internal/engine"
	"gvisor.dev/gvisor/runsc/cmd/sandboxsetup"
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/flag"
)

// again executes the process again, with fewer capabilities.
func (g *Command) again(f *flag.FlagSet, conf *config.Config, mounts prepared, more map[string]string) error {
	if err := g.spawnProcUnmounter(); err != nil {
		return err
	}
	defer runtime.KeepAlive(g.procUnmounter)
	fd, err := mounts.hand()
	if err != nil {
		return fmt.Errorf("keeping the mounts: %w", err)
	}
	args := sandboxsetup.PrepareArgs(g.Name(), f, g.reexecFlags(fd, more))
	return fmt.Errorf("executing the gofer again: %w", sandboxsetup.SetCapsAndCallSelf(args, engine.GoferCapabilities(conf)))
}

// reexecFlags are the flags with which the process executes itself.
func (g *Command) reexecFlags(preparedFD int, more map[string]string) map[string]string {
	flags := map[string]string{
		"apply-caps":         strconv.FormatBool(false),
		"setup-root":         strconv.FormatBool(false),
		"sync-chroot-fd":     strconv.Itoa(g.sync.chroot),
		"sync-userns-fd":     strconv.Itoa(g.sync.userns),
		"proc-mount-sync-fd": strconv.Itoa(g.sync.procMount),
		"prepared-fd":        strconv.Itoa(preparedFD),
	}
	for k, v := range more {
		flags[k] = v
	}
	return flags
}
