// Package boot is the sandbox process: it receives the Plan from the gofer,
// lowers it onto what the engine reads, and hands over to the engine's boot
// command.
package boot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/engine"
	"github.com/directfs/runsc/runsc/internal/engine/filters"
	"github.com/directfs/runsc/runsc/internal/preinit"
	"github.com/directfs/runsc/runsc/internal/supervise"
	"github.com/google/subcommands"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/log"
	"gvisor.dev/gvisor/pkg/sentry/seccheck"
	"gvisor.dev/gvisor/runsc/cmd/sentry/sentrycmd"
	"gvisor.dev/gvisor/runsc/cmd/util"
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/flag"
)

// Boot is the engine's boot command on a lowered spec and mount list.
type Boot struct{ sentrycmd.Boot }

// Execute implements subcommands.Command.Execute. It may run twice in one
// sandbox, because the engine's command executes itself again to change
// credentials; the second time everything is lowered already.
func (b *Boot) Execute(ctx context.Context, f *flag.FlagSet, args ...any) subcommands.ExitStatus {
	conf := args[0].(*config.Config)
	if makesSentry(f) {
		// Reading what all trace points look like takes some five milliseconds,
		// for which the engine's command would wait (runsc/boot/loader.go:586).
		go seccheck.Initialize()
	}
	log.Debugf("Bounding set trimmed beforehand: %t", preinit.Trimmed())
	client, err := joinClient(conf.AlsoLogToStderr)
	if err != nil {
		util.Fatalf("%v", err)
	}
	if err := lower(f, conf); err != nil {
		util.Fatalf("directfs plan: %v", err)
	}
	engine.AcceptMountOptions()
	if err := filters.RegisterSentry(conf.DirectFS); err != nil {
		util.Fatalf("%v", err)
	}
	// The engine's command tells the client that the sandbox runs. Before that
	// the client must have done what it does while the engine waits.
	client.AwaitReady()
	if err := dropAsNobody(f, conf); err != nil {
		util.Fatalf("%v", err)
	}
	if makesSentry(f) {
		if err := endWithGofer(f); err != nil {
			util.Fatalf("gofer: %v", err)
		}
	}
	return b.Boot.Execute(ctx, f, args...)
}

// joinClient takes up the connection to the client. It stays open when the
// engine's command executes the process again; other programs are not executed
// here.
func joinClient(logsToStderr bool) (*supervise.Client, error) {
	client, err := supervise.Join(supervise.Sandbox, logsToStderr)
	if err != nil {
		return nil, err
	}
	return client, client.KeepOverExec()
}

// lower replaces the spec and the mount list behind the FDs that the engine's
// command reads, and sets in conf what the spec cannot say.
func lower(f *flag.FlagSet, conf *config.Config) error {
	if err := requireFilter(conf); err != nil {
		return err
	}
	plan, err := lowerMounts(f, conf.DirectFS)
	if err != nil {
		return err
	}
	specFD, err := fdFlag(f, "spec-fd")
	if err != nil {
		return err
	}
	raw, err := readFD(specFD)
	if err != nil {
		return fmt.Errorf("reading spec: %w", err)
	}
	if raw, err = addFirstProcess(f, conf, raw, plan); err != nil {
		return err
	}
	spec, rootfs, err := engine.LowerSpec(raw, plan)
	if err != nil {
		return err
	}
	engine.ConfigureBoot(conf, rootfs)
	if err := replaceFD(specFD, "spec", spec); err != nil {
		return fmt.Errorf("replacing spec: %w", err)
	}
	return nil
}

// requireFilter refuses a configuration with which the engine would leave its
// seccomp filter out (runsc/boot/loader.go:1176). Every Plan counts on it: a
// filter that is stacked upon it denies some calls and allows all others.
func requireFilter(conf *config.Config) error {
	if conf.DisableSeccomp {
		return errors.New("the engine's seccomp filter is disabled in its configuration, and the plan needs it")
	}
	return nil
}

// lowerMounts takes the Plan out of what the gofer sent and leaves the plain
// list. A sandbox without a gofer has neither. raised is the switch that the
// client gave this process; a sandbox whose Plan says otherwise does not start.
func lowerMounts(f *flag.FlagSet, raised bool) (directfspolicy.Plan, error) {
	fd, err := fdFlag(f, "mounts-fd")
	if err != nil || fd < 0 {
		return directfspolicy.Plan{}, err
	}
	raw, err := readFD(fd)
	if err != nil {
		return directfspolicy.Plan{}, fmt.Errorf("reading mounts: %w", err)
	}
	if len(raw) == 0 {
		return directfspolicy.Plan{}, errors.New("the gofer ended before it sent the mounts")
	}
	plan, list, wrapped, err := engine.Unwrap(raw)
	switch {
	case err != nil:
		return plan, err
	case !wrapped && raised:
		return plan, errors.New("the gofer sent mounts without a plan")
	case !wrapped:
		// The second run of a sandbox that is not raised. No mount of it can
		// use directfs.
		return plan, replaceFD(fd, "mounts", list)
	}
	if plan.Sandbox().Raised != raised {
		return plan, fmt.Errorf("plan wants raised=%t, sandbox was started with raised=%t", plan.Sandbox().Raised, raised)
	}
	engine.NarrowCapabilities(plan)
	usernsFD, err := fdFlag(f, "sync-userns-fd")
	if err != nil {
		return plan, err
	}
	if raised && usernsFD >= 0 {
		// This run only changes credentials. The next one needs the Plan too.
		return plan, replaceFD(fd, "mounts", raw)
	}
	narrow, err := engine.NarrowSentry(plan)
	if err != nil {
		return plan, fmt.Errorf("seccomp filter: %w", err)
	}
	if narrow == nil {
		return plan, replaceFD(fd, "mounts", list)
	}
	return plan, feedWhenRead(fd, list, func() error { return narrow.Install(nil) })
}

// makesSentry reports whether the engine's command will not execute the process
// again (runsc/cmd/sentry/sentrycmd/boot.go:316).
func makesSentry(f *flag.FlagSet) bool {
	is := func(name, value string) bool { fl := f.Lookup(name); return fl != nil && fl.Value.String() == value }
	return is("sync-userns-fd", "-1") && (is("apply-caps", "true") || is("setup-root", "false"))
}

func fdFlag(f *flag.FlagSet, name string) (int, error) {
	fl := f.Lookup(name)
	if fl == nil {
		return -1, fmt.Errorf("the engine's boot command has no flag --%s", name)
	}
	fd, err := strconv.Atoi(fl.Value.String())
	if err != nil {
		return -1, fmt.Errorf("flag --%s: %w", name, err)
	}
	return fd, nil
}

// readFD reads a file from its beginning, or a pipe to its end, and leaves the
// FD open.
func readFD(fd int) ([]byte, error) {
	dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(dup), "fd")
	defer file.Close()
	if _, err := file.Seek(0, io.SeekStart); err != nil && !errors.Is(err, unix.ESPIPE) {
		return nil, err
	}
	return io.ReadAll(file)
}

// replaceFD puts a memory file with the data behind the FD number. It stays
// open when the process executes itself again.
func replaceFD(fd int, name string, data []byte) error {
	mem, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		return err
	}
	file := os.NewFile(uintptr(mem), name)
	defer file.Close()
	if _, err := file.Write(data); err != nil {
		return err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return unix.Dup3(mem, fd, 0)
}
