package e2e

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// filestores are the files behind overlays in the rootfs and the mounts of a
// bundle (runsc/boot/vfs.go:84).
func filestores(t *testing.T, b *harness.Bundle) []string {
	t.Helper()
	var all []string
	for _, d := range b.Binds() {
		files, err := filepath.Glob(filepath.Join(b.Source(d), ".gvisor.filestore.*"))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, files...)
	}
	return all
}

// killAtFilestore runs a command, and kills it as soon as it has made a file
// behind the overlay of a directory.
func killAtFilestore(t *testing.T, cmd *exec.Cmd, dir string) {
	t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if _, err := unix.InotifyAddWatch(fd, dir, unix.IN_CREATE); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	events := make([]byte, 1<<10)
	for !bytes.Contains(events, []byte(".gvisor.filestore.")) {
		n, err := unix.Poll(poll, int(harness.Deadline.Milliseconds()))
		if err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 {
			t.Fatalf("no file behind an overlay in %s: %v", dir, err)
		}
		if _, err := unix.Read(fd, events); err != nil {
			t.Fatal(err)
		}
	}
	killAfter(t, cmd, 0)
}

// The files behind the overlays of a container whose creation was killed go
// with the next command. A busy machine may have created it before the kill.
func TestKilledCreateLeavesNoFiles(t *testing.T) {
	lab := newLab(t, "--overlay2=all:self")
	for tries, inTime := 0, 0; inTime < 3; tries++ {
		if tries == 30 {
			t.Fatalf("%d of %d commands were killed too late", tries-inTime, tries)
		}
		b := lab.Bundle(t, harness.Mount("/a"), harness.Args("serve"))
		id := lab.ID()
		killAtFilestore(t, clientOf(lab, "create", "--bundle="+b.Dir, id), b.Source("/a"))
		if left := filestores(t, b); len(left) != 2 {
			t.Errorf("the command was killed too late: %q", left)
		}
		if !checkAfterKill(t, lab, id) {
			inTime++
		}
		if left := filestores(t, b); len(left) > 0 {
			t.Errorf("left: %q", left)
		}
	}
}

// Those of a container of a pod whose start was killed go with the container,
// and no others.
func TestKilledStartLeavesNoFiles(t *testing.T) {
	lab := newLab(t, "--overlay2=all:self")
	pause := servePod(t, lab, lab.Runtime, true, harness.PodSandbox(), harness.Mount("/p"))
	for range 3 {
		b := lab.Bundle(t, harness.PodMember(pause.ID, "app"), harness.Mount("/a"), harness.Args("serve"))
		c, err := lab.Create(harness.Context(t), lab.ID(), b)
		if err != nil {
			t.Fatal(err)
		}
		killAtFilestore(t, clientOf(lab, "start", c.ID), b.Source("/a"))
		if left := filestores(t, b); len(left) != 2 {
			t.Errorf("the command was killed too late: %q", left)
		}
		if res, err := lab.Command(harness.Context(t), "delete", "--force", c.ID); err != nil || res.ExitCode != 0 {
			t.Errorf("delete: %+v, %v", res, err)
		}
		if left := filestores(t, b); len(left) > 0 {
			t.Errorf("left: %q", left)
		}
		if there := filestores(t, pause.Bundle); len(there) != 2 {
			t.Errorf("the pod's own: %q", there)
		}
	}
	stop(t, lab, pause)
}

// Those of one whose start failed go with the container, too.
func TestFailedStartLeavesNoFiles(t *testing.T) {
	lab := newLab(t, "--overlay2=all:self")
	pause := servePod(t, lab, lab.Runtime, true, harness.PodSandbox())
	b := underAFile(t, lab, harness.PodMember(pause.ID, "app"))
	c, err := lab.Create(harness.Context(t), lab.ID(), b)
	if err != nil {
		t.Fatal(err)
	}
	if res, err := lab.Command(harness.Context(t), "start", c.ID); err != nil || res.ExitCode == 0 {
		t.Errorf("start: %+v, %v", res, err)
	}
	if left := filestores(t, b); len(left) == 0 {
		t.Error("the start left nothing to remove")
	}
	if res, err := lab.Command(harness.Context(t), "delete", "--force", c.ID); err != nil || res.ExitCode != 0 {
		t.Errorf("delete: %+v, %v", res, err)
	}
	if left := filestores(t, b); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	stop(t, lab, pause)
}

// A container whose start was killed, before the sandbox had it, can be started.
func TestKilledStartAgain(t *testing.T) {
	lab := newLab(t, "--overlay2=all:self")
	pause := servePod(t, lab, lab.Runtime, true, harness.PodSandbox())
	const tries = 20
	for range tries {
		b := lab.Bundle(t, harness.PodMember(pause.ID, "app"), harness.Mount("/a"), harness.Args("serve"))
		c, err := lab.Create(harness.Context(t), lab.ID(), b)
		if err != nil {
			t.Fatal(err)
		}
		lab.Keep(t, c)
		killAtFilestore(t, clientOf(lab, "start", c.ID), b.Source("/a"))
		if !isCreated(t, c) {
			remove(t, lab, c)
			continue // killed too late: the sandbox had it
		}
		if err := c.Start(harness.Context(t)); err != nil {
			if isCreated(t, c) {
				t.Fatal(err)
			}
			remove(t, lab, c)
			continue // the sandbox has ended it meanwhile
		}
		stop(t, lab, c)
		stop(t, lab, pause)
		return
	}
	t.Errorf("every one of %d starts was killed too late", tries)
}

func isCreated(t *testing.T, c *harness.Container) bool {
	t.Helper()
	state, err := c.State(harness.Context(t))
	if err != nil {
		t.Fatal(err)
	}
	return state.Status == specs.StateCreated
}

func remove(t *testing.T, lab *harness.Lab, c *harness.Container) {
	t.Helper()
	if res, err := lab.Command(harness.Context(t), "delete", "--force", c.ID); err != nil || res.ExitCode != 0 {
		t.Fatalf("delete: %+v, %v", res, err)
	}
}
