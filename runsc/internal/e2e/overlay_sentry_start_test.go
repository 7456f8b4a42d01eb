package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/directfs/runsc/runsc/harness"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// bySentry is the option with which the sentry makes an overlay.
const bySentry = "gvisor.overlay=sentry"

// failing is a container's process that cannot begin, and with which exit code its
// sandbox ends.
type failing struct {
	edit func(*specs.Process)
	code int
}

var failingProcesses = map[string]failing{
	"missing":         {func(p *specs.Process) { p.Args = []string{"/none"} }, 127},
	"not executable":  {func(p *specs.Process) { p.Args = []string{"/plain"} }, 126},
	"missing in PATH": {func(p *specs.Process) { p.Args = []string{"none"} }, 127},
	"in the overlay":  {func(p *specs.Process) { p.Args = []string{"/ov/none"} }, 127},
}

// engineError is what the engine says of a container's process that cannot begin,
// without what it was doing.
func engineError(t *testing.T, said string) string {
	t.Helper()
	_, after, ok := strings.Cut(strings.TrimSpace(said), "starting root container: starting sandbox: ")
	if !ok {
		t.Fatalf("the engine says %q", said)
	}
	return after
}

// A process that cannot begin behind a first process fails the command that starts
// it, as it does without one, and the container is stopped or gone.
func TestOverlaySentryStartFails(t *testing.T) {
	for name, f := range failingProcesses {
		t.Run(name, func(t *testing.T) {
			lab := newLab(t)
			s := newStack(t, lab, "s", 1)
			build := func(opts ...harness.Option) *harness.Bundle {
				b := lab.Bundle(t, append(opts, harness.Edit(func(spec *specs.Spec) { f.edit(spec.Process) }))...)
				layText(t, filepath.Join(b.Rootfs(), "plain"), "x")
				return b
			}
			plain, err := lab.Run(harness.Context(t), lab.ID(), build())
			if err != nil {
				t.Fatal(err)
			}
			want := engineError(t, plain.Stderr)
			s.checkStartFails(t, lab, build(s.at("/ov", bySentry)), want, f.code)
			for _, detach := range [][]string{nil, {"--detach"}} {
				id := lab.ID()
				res, err := lab.Command(harness.Context(t), append(append([]string{"run", "--bundle=" + build(s.at("/ov", bySentry)).Dir}, detach...), id)...)
				if err != nil {
					t.Fatal(err)
				}
				if res.ExitCode != plain.ExitCode {
					t.Errorf("exit code is %d, without an overlay %d", res.ExitCode, plain.ExitCode)
				}
				checkMessage(t, res, "run: starting container: "+want)
				lab.CheckGone(t, id)
				s.checkUnlocked(t)
			}
		})
	}
}

// checkStartFails creates a container, fails to start it, and deletes it without
// force.
func (s stack) checkStartFails(t *testing.T, lab *harness.Lab, b *harness.Bundle, want string, code int) {
	t.Helper()
	c, err := lab.Create(harness.Context(t), lab.ID(), b)
	if err != nil {
		t.Fatal(err)
	}
	lab.Keep(t, c)
	if err := c.Start(harness.Context(t)); err == nil || err.Error() != "runsc start: exit code 128: start: starting container: "+want {
		t.Errorf("start: %v, want %s", err, want)
	}
	// The sandbox process has exited: nobody but its parent, which is this
	// process, keeps it.
	if state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.SandboxPID)); err == nil && !strings.Contains(string(state), ") Z ") {
		t.Errorf("the sandbox runs on: %s", state)
	}
	if got, err := c.Wait(harness.Context(t)); err != nil || got != code {
		t.Errorf("exit code of the sandbox is %d, %v, want %d", got, err, code)
	}
	if state, err := c.State(harness.Context(t)); err != nil || state.Status != specs.StateStopped {
		t.Errorf("state is %q, %v", state.Status, err)
	}
	command(t, lab.Runtime, "delete", c.ID)
	lab.CheckGone(t, c.ID)
	s.checkUnlocked(t)
}

// The first process says what went wrong also where the container may write no file.
func TestOverlaySentryStartFailsUnderLimit(t *testing.T) {
	for _, size := range []uint64{0, 1, 8} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			lab := newLab(t, flag(size > 0))
			s := newStack(t, lab, "s", 1)
			b := lab.Bundle(t, s.at("/ov", bySentry), harness.Edit(func(spec *specs.Spec) {
				spec.Process.Args = []string{"/none"}
				spec.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_FSIZE", Soft: size, Hard: size}}
			}))
			s.checkStartFails(t, lab, b, "creating process: failed to load /none: no such file or directory", 127)
		})
	}
}

// What fails while the overlays are mounted is said, too.
func TestOverlaySentryMountFails(t *testing.T) {
	lab := newLab(t)
	s := newStack(t, lab, "s", 2)
	layText(t, filepath.Join(s.lowers[0], "taken"), "a file")
	for name, c := range map[string]struct {
		opts []harness.Option
		want string
	}{
		"cwd is a file": {
			[]harness.Option{s.at("/ov", bySentry), harness.Edit(func(s *specs.Spec) { s.Process.Cwd = "/ov/taken" })},
			`failed to create process working directory "/ov/taken": mkdir /ov/taken: not a directory`,
		},
		"nested mount in a read-only overlay": {
			[]harness.Option{s.readOnly().at("/ov", bySentry), harness.Mount("/ov/sub")},
			`overlay mount "/ov": mount point "/ov/sub": mkdir /ov/sub: read-only file system`,
		},
		"nested mount on a file": {
			[]harness.Option{s.at("/ov", bySentry), harness.Mount("/ov/taken")},
			`overlay mount "/ov": mount point "/ov/taken": mkdir /ov/taken: not a directory`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s.checkStartFails(t, lab, lab.Bundle(t, append(c.opts, harness.Args("serve"))...), c.want, 125)
		})
	}
}

// When start returns, the overlay is there and the container's program runs.
func TestOverlaySentryStarted(t *testing.T) {
	for _, directfs := range []bool{true, false} {
		t.Run(flag(directfs), func(t *testing.T) {
			lab := newLab(t, flag(directfs))
			s := newStack(t, lab, "s", 2)
			for range 5 {
				b := lab.Bundle(t, s.at("/ov", bySentry), harness.Args("serve"))
				c, err := lab.Create(harness.Context(t), lab.ID(), b)
				if err != nil {
					t.Fatal(err)
				}
				lab.Keep(t, c)
				if err := c.Start(harness.Context(t)); err != nil {
					t.Fatal(err)
				}
				if got := command(t, lab.Runtime, "exec", c.ID, harness.GuestPath, "cat", "/proc/1/cmdline"); got != "/guest\x00serve\x00" {
					t.Errorf("the container's process is %q", got)
				}
				if got := names(t, c, "/ov"); got != `["file","in-lower0","in-lower1"]` {
					t.Errorf("the overlay has %s", got)
				}
				stop(t, lab, c)
				s.checkUnlocked(t)
			}
		})
	}
}

// Whoever waits for a first process sees it end, however it does.
func TestOverlaySentryKilledFirstProcess(t *testing.T) {
	lab := newLab(t)
	s := newStack(t, lab, "s", 2)
	n, random := kills(t)
	pause := func() { time.Sleep(time.Duration(random.Int64N(int64(60 * time.Millisecond)))) }
	for i := range n {
		way := []string{"kill", "delete", "sandbox", "gofer"}[i%4]
		c, err := lab.Create(harness.Context(t), lab.ID(), lab.Bundle(t, s.at("/ov", bySentry), harness.Args("serve")))
		if err != nil {
			t.Fatal(err)
		}
		lab.Keep(t, c)
		started := make(chan error, 1)
		go func() { started <- c.Start(harness.Context(t)) }()
		pause()
		switch way {
		case "kill":
			_, err = lab.Command(harness.Context(t), "kill", c.ID, "KILL")
		case "delete":
			_, err = lab.Command(harness.Context(t), "delete", "--force", c.ID)
		case "sandbox":
			err = unix.Kill(c.SandboxPID, unix.SIGKILL)
		case "gofer":
			err = unix.Kill(c.GoferPID, unix.SIGKILL)
		}
		if err != nil && !errors.Is(err, unix.ESRCH) {
			t.Error(err)
		}
		begun := time.Now()
		if err := <-started; err != nil {
			t.Logf("%s: %v", way, err)
		}
		if d := time.Since(begun); d > 15*time.Second {
			t.Errorf("%s: start went on for %v", way, d)
		}
		remove(t, lab, c)
		lab.CheckGone(t, c.ID)
		s.checkUnlocked(t)
	}
}

// The container's arguments are those of an execve(2), with its limits; the engine
// starts a process without.
func TestOverlaySentryLongArguments(t *testing.T) {
	lab := newLab(t)
	s := newStack(t, lab, "s", 1)
	long := strings.Repeat("a", 1<<10)
	for name, c := range map[string]struct {
		args  []string
		fails bool
	}{
		"127 KiB": {[]string{strings.Repeat("a", 127<<10)}, false},
		"130 KiB": {[]string{strings.Repeat("a", 130<<10)}, true},
		"1.8 MiB": {slices.Repeat([]string{long}, 1800), false},
		"3 MiB":   {slices.Repeat([]string{long}, 3<<10), true},
	} {
		t.Run(name, func(t *testing.T) {
			b := lab.Bundle(t, s.at("/ov", bySentry), harness.Args(append([]string{"exit", "3"}, c.args...)...))
			if c.fails {
				s.checkStartFails(t, lab, b, "creating process: failed to load "+harness.GuestPath+": file name too long", 126)
				return
			}
			res, err := lab.Run(harness.Context(t), lab.ID(), b)
			if err != nil || !strings.Contains(res.Stderr, "guest exit: ") {
				t.Errorf("%+v, %v", res, err)
			}
		})
	}
}
