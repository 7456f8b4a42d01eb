package docker

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/directfs/runsc/runsc/internal/clients/lab"
	"github.com/directfs/runsc/runsc/internal/clients/suite"
)

// kept are what dockerd and the runtime keep for the next container.
var kept = []string{"^cgroup /sys/fs/cgroup/[^/]*/docker$", "^mount nsfs on .*/null-netns$"}

// dockerd ends, however, and is started anew. With live-restore the container
// goes on; without it, dockerd ends it, or ends it when it is back.
func TestDaemonRestarts(t *testing.T) {
	for _, c := range []struct {
		config string
		signal syscall.Signal
		lives  bool
	}{
		{`{"live-restore": true}`, syscall.SIGTERM, true},
		{`{"live-restore": true}`, syscall.SIGKILL, true},
		{`{}`, syscall.SIGTERM, false},
		{`{}`, syscall.SIGKILL, false},
	} {
		t.Run(fmt.Sprintf("%s %v", c.config, c.signal), func(t *testing.T) {
			lab.Leaks(t, kept)
			d := start(t, c.config)
			e := d.engine(t, "runsc")
			id := e.Start(t, "sleep", "1000")
			before := suite.Process(t, "runsc-sandbox", id)
			d.end(t, c.signal)
			d.begin(t)
			if c.lives {
				e.WaitState(t, id, "running 0")
				if after := suite.Process(t, "runsc-sandbox", id); after != before {
					t.Errorf("the sandbox process was %d, is %d", before, after)
				}
				if r := e.Ask("exec", id, "echo", "hello"); r.Stdout != "hello\n" {
					t.Errorf("%+v", r)
				}
				e.Do(t, "stop", "-t", "0", id)
			} else {
				e.WaitState(t, id, "exited ")
			}
			e.Do(t, "start", id)
			if r := e.Ask("exec", id, "echo", "again"); r.Stdout != "again\n" {
				t.Errorf("%+v", r)
			}
			e.Do(t, "stop", "-t", "0", id)
			e.Do(t, "rm", id)
		})
	}
}

// The restart policy is docker's: a sandbox that is killed is started anew.
func TestRestartPolicy(t *testing.T) {
	e := start(t, "").engine(t, "runsc")
	id := e.Start(t, "--restart=always", "IMAGE", "sleep", "1000")
	first := suite.Process(t, "runsc-sandbox", id)
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	lab.Eventually(t, "another sandbox", func() error {
		if pids := suite.Processes(t, "runsc-sandbox", id); len(pids) != 1 || pids[0] == first {
			return fmt.Errorf("%v", pids)
		}
		if r := e.Ask("exec", id, "echo", "hello"); r.Stdout != "hello\n" {
			return fmt.Errorf("%+v", r)
		}
		return nil
	})
}

// Flags of the runtime are of a name in daemon.json.
func TestRuntimeArgs(t *testing.T) {
	d := start(t, "")
	for runtime, want := range map[string]bool{"runsc": true, "runsc-off": false} {
		e := d.engine(t, runtime)
		lab.Leaks(t, nil, e.StateRoot)
		v := e.Mkdir("v" + runtime)
		id := e.Start(t, "-v", v+":/v", "IMAGE", "sleep", "1000")
		line := e.Do(t, "exec", id, "grep", " /v 9p ", "/proc/mounts")
		if got := strings.Contains(line, ",directfs"); got != want {
			t.Errorf("%s: directfs: %v\n%s", runtime, got, line)
		}
		pid, other := suite.Process(t, "runsc-sandbox", id), e.Mkdir("other")
		if want {
			suite.HoldsOnly(t, pid, v, other)
		} else {
			suite.HoldsNothing(t, pid)
		}
		e.Do(t, "rm", "-f", id)
	}
	// With --overlay2=none the rootfs is docker's to copy to and commit.
	e := d.engine(t, "runsc-plain")
	id := e.Start(t, "sleep", "1000")
	e.Do(t, "exec", id, "touch", "/root/written")
	e.Do(t, "cp", e.Write("x", "copied"), id+":/root/copied")
	if out := e.Do(t, "diff", id); !strings.Contains(out, "A /root/written") {
		t.Errorf("docker diff: %q", out)
	}
	e.Do(t, "restart", "-t", "0", id)
	if out := e.Do(t, "exec", id, "ls", "/root"); out != "copied\nwritten" {
		t.Errorf("%q", out)
	}
}

// docker 20.10 has no annotations, and neither -v nor --mount takes an option
// that it does not know.
func TestNoHintsGetThrough(t *testing.T) {
	e := start(t, "").engine(t, "runsc")
	dir := e.Mkdir("a")
	for option, want := range map[string]string{
		"--volume=" + dir + ":/a:directfs=off":                        "invalid mode: directfs=off",
		"--mount=type=bind,source=" + dir + ",target=/a,directfs=off": "unexpected key 'directfs' in 'directfs=off'",
		"--annotation=dev.gvisor.spec.rootfs.directfs=off":            "unknown flag: --annotation",
	} {
		if r := e.Run(option, "IMAGE", "true"); r.Code != 125 || !strings.Contains(r.Stderr, want) {
			t.Errorf("%s: %+v, want %q", option, r, want)
		}
	}
	// A label is no annotation.
	if r := e.Run("--label=dev.gvisor.spec.rootfs.directfs=wrong", "IMAGE", "true"); r.Code != 0 {
		t.Errorf("%+v", r)
	}
}

// What the runtime says when it refuses reaches the user of docker whole.
func TestRefused(t *testing.T) {
	e := start(t, "").engine(t, "runsc-wrong")
	r := e.Run("true")
	const reason = `invalid value "some" for flag -directfs-hints`
	if r.Code != 125 && r.Code != 127 || !strings.Contains(r.Stderr, reason) {
		t.Errorf("%+v, want %q", r, reason)
	}
}

// An overlay that docker's local driver mounts is bound by the runtime.
func TestOverlayVolume(t *testing.T) {
	d := start(t, "")
	e := d.engine(t, "runsc")
	lab.Leaks(t, nil, e.StateRoot)
	e.Write("below", "lower", "f")
	e.Do(t, "volume", "create", "--opt", "type=overlay", "--opt", "device=overlay",
		"--opt", fmt.Sprintf("o=lowerdir=%s,upperdir=%s,workdir=%s", e.Path("lower"), e.Mkdir("upper"), e.Mkdir("work")), "ov")
	if r := e.Run("-v", "ov:/o", "IMAGE", "sh", "-c", "cat /o/f; echo x >/o/g; grep -c ' /o 9p .*,directfs' /proc/mounts"); r.Code != 0 || r.Stdout != "below1\n" {
		t.Errorf("%+v", r)
	}
	if _, err := os.Stat(e.Path("upper", "g")); err != nil {
		t.Error(err)
	}
	e.Do(t, "volume", "rm", "ov")
}

// containerd is killed: docker starts it anew, and the container is still there.
func TestContainerdIsKilled(t *testing.T) {
	lab.Leaks(t, kept)
	d := start(t, "")
	e := d.engine(t, "runsc")
	id := e.Start(t, "sleep", "1000")
	if err := syscall.Kill(suite.Process(t, "containerd", d.Path("exec")), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	lab.Eventually(t, "exec", func() error {
		if r := e.Ask("exec", id, "echo", "hello"); r.Stdout != "hello\n" {
			return fmt.Errorf("%+v", r)
		}
		return nil
	})
	e.Do(t, "stop", "-t", "0", id)
	e.Do(t, "rm", id)
}
