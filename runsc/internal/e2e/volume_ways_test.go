package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	"github.com/directfs/runsc/runsc/internal/e2e/guest/report"
	"golang.org/x/sys/unix"
)

// checkAndStop looks at a container from inside and from outside, and stops it.
func checkAndStop(t *testing.T, l *volumeLab, c *harness.Container, want access) {
	t.Helper()
	r := readReport(t, c)
	checkOps(t, c.Bundle, r)
	checkMountOptions(t, want, r)
	checkHeld(t, c, direct(want))
	command(t, l.Runtime, "policy", "verify", c.ID)
	stop(t, l.Lab, c)
}

// A volume that is a directory of the host can be opened by the sandbox itself,
// and stays apart from what is mounted in it.
func TestVolumeThatDonatesItsRoot(t *testing.T) {
	for _, directfs := range []bool{true, false} {
		t.Run(flag(directfs), func(t *testing.T) {
			servedBoth(t, func(t *testing.T, l *volumeLab) {
				c := l.Serve(t, l.Bundle(t, harness.Mount("/a"), l.mount(t, "/v", "donated", "v", "directfs=on"), l.mount(t, "/w", "donated", "w"),
					harness.Mount("/v/off", "rw", "directfs=off"), harness.Args("serve", "/", "/v", "/w", "/a", "/v/off")))
				want := access{"/": directfs, "/a": directfs, "/v": true, "/w": directfs, "/v/off": false}
				checkAndStop(t, l, c, want)
			}, flag(directfs))
		})
	}
}

// The container's own files can come from a volume.
func TestVolumeAsRootfs(t *testing.T) {
	servedBoth(t, func(t *testing.T, l *volumeLab) {
		root := filepath.Join(l.dir, "root")
		c := l.Serve(t, l.Bundle(t, harness.RootfsFrom(root), harness.Annotation("dev.gvisor.spec.rootfs.gofer", l.backend+"/host-root"),
			harness.Mount("/a"), harness.Args("serve", "/", "/a")))
		want := access{"/": false, "/a": true}
		checkAndStop(t, l, c, want)
	}, flag(true))
}

// With nothing but volumes, the gofer waits for a daemon to end.
func TestVolumesAlone(t *testing.T) {
	servedBoth(t, func(t *testing.T, l *volumeLab) {
		root := filepath.Join(l.dir, "root")
		c := l.Serve(t, l.Bundle(t, harness.RootfsFrom(root), harness.Annotation("dev.gvisor.spec.rootfs.gofer", l.backend+"/host-root"),
			l.mount(t, "/v", "host", "v"), harness.Args("serve", "/", "/v")))
		checkOps(t, c.Bundle, readReport(t, c))
		checkPrivileges(t, c, false)
		stop(t, l.Lab, c)
	}, flag(true))
}

func TestVolumesInPod(t *testing.T) {
	servedBoth(t, func(t *testing.T, l *volumeLab) {
		pause := servePod(t, l.Lab, l.Runtime, true, harness.PodSandbox())
		var members []*harness.Container
		want := access{"/": true, "/v": false, "/a": true}
		for range 2 {
			c := l.Serve(t, l.Bundle(t, harness.PodMember(pause.ID, "app"), l.mount(t, "/v", "host", "v"), l.mount(t, "/d", "donated", "d", "directfs=on"),
				harness.Mount("/a"), harness.Args("serve", "/", "/v", "/d", "/a")))
			r := readReport(t, c)
			checkOps(t, c.Bundle, r)
			members = append(members, c)
		}
		want["/d"] = true
		checkPodHeld(t, map[*harness.Container]access{pause: {"/": true}, members[0]: want, members[1]: want})
		execGuest(t, members[0], "write", "/v/shared", "text")
		if got := execGuest(t, members[1], "cat", "/v/shared"); got != "text\n" {
			t.Errorf("the other container reads %q", got)
		}
		command(t, l.Runtime, "policy", "verify", members[1].ID)
		stop(t, l.Lab, append([]*harness.Container{pause}, members...)...)
	}, flag(true))
}

func TestVolumesWithoutRoot(t *testing.T) {
	servedBoth(t, func(t *testing.T, l *volumeLab) {
		if l.daemon != nil {
			l.daemon.end(t, unix.SIGTERM)
		}
		var err error
		if l.Runtime, err = l.As(nobodys); err != nil {
			t.Fatal(err)
		}
		if l.daemon != nil {
			l.startDaemonAs(t, nobodys)
		}
		b := l.Bundle(t, harness.OwnedBy(nobodys), harness.Mount("/a"), l.mount(t, "/v", "squashed", "v"), l.mount(t, "/m", "memory", "m"),
			harness.Args("serve", "/", "/a", "/m"))
		if err := os.Chown(filepath.Join(l.dir, "v"), nobodys, nobodys); err != nil {
			t.Fatal(err)
		}
		c := runDetached(t, l.Lab, b)
		r := readReport(t, c)
		checkMountOptions(t, access{"/": true, "/a": true, "/v": false, "/m": false}, r)
		checkRootlessSandbox(t, c, true, false)
		checkOpsIn(t, c, "/m")
		execGuest(t, c, "write", "/v/file", "text")
		stop(t, l.Lab, c)
	}, "--rootless", "--network=none")
}

// Volumes may take long to open, and are opened together.
func TestVolumesThatOpenSlowly(t *testing.T) {
	l := newDaemonLab(t)
	c := l.Serve(t, l.Bundle(t, l.mount(t, "/u", "slow", "u"), l.mount(t, "/v", "slow", "v"), l.mount(t, "/w", "slow", "w"), harness.Args("serve", "/u", "/v", "/w")))
	checkOps(t, c.Bundle, readReport(t, c))
	stop(t, l.Lab, c)
}

// A restored container goes on with its volumes, also with files that it had
// open, and a daemon is asked again.
func TestRestoreWithVolumes(t *testing.T) {
	servedBoth(t, func(t *testing.T, l *volumeLab) {
		b := l.Bundle(t, harness.Mount("/a"), harness.Mount("/b", "rw", "directfs=off"), l.mount(t, "/v", "host", "v"), harness.Args("counter", "/v/lines"))
		c := l.Serve(t, b)
		expectLine(t, c, "0")
		count(t, c, "1")
		image := checkpoint(t, l.Lab, c)
		if l.daemon != nil {
			l.daemon.end(t, unix.SIGTERM)
			l.startDaemon(t)
		}
		c = restore(t, l.Lab, b, image)
		count(t, c, "2")
		r := report.Report{}
		if err := json.Unmarshal([]byte(execGuest(t, c, "report", "/", "/a", "/v")), &r); err != nil {
			t.Fatal(err)
		}
		checkOps(t, c.Bundle, r)
		checkMountOptions(t, access{"/": true, "/a": true, "/b": false, "/v": false}, r)
		if lines, err := os.ReadFile(filepath.Join(l.dir, "v", "lines")); err != nil || string(lines) != "line 1\nline 2\n" {
			t.Errorf("the open file has %q, %v", lines, err)
		}
		stop(t, l.Lab, c)
	}, flag(true))
}

// Another daemon at the same socket serves the containers that come then.
func TestDaemonStartedAgain(t *testing.T) {
	l := newDaemonLab(t)
	for i := range 2 {
		if i > 0 {
			l.daemon.end(t, []unix.Signal{unix.SIGTERM, unix.SIGKILL}[i-1])
			l.startDaemon(t)
		}
		c := l.Serve(t, l.Bundle(t, l.mount(t, "/v", "host", fmt.Sprint("v", i)), harness.Args("serve", "/v")))
		checkOps(t, c.Bundle, readReport(t, c))
		stop(t, l.Lab, c)
	}
}
