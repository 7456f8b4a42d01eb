package harness

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func leakScope(t *testing.T) (Scope, Snapshot) {
	t.Helper()
	dir := t.TempDir()
	s := Scope{Dir: dir, IDPrefix: fmt.Sprintf("leak%d-", os.Getpid())}
	before, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	return s, before
}

// expectLeaks compares the beginnings of what leaked.
func expectLeaks(t *testing.T, before Snapshot, patience time.Duration, want ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	leaks, err := before.Diff(ctx)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(want)
	if !slices.EqualFunc(leaks, want, strings.HasPrefix) {
		t.Errorf("leaks are %q, want %q", leaks, want)
	}
}

func TestNoLeaks(t *testing.T) {
	_, before := leakScope(t)
	expectLeaks(t, before, Deadline)
}

func TestLeakedFileAndMount(t *testing.T) {
	s, before := leakScope(t)
	point := filepath.Join(s.Dir, "mnt")
	if err := os.Mkdir(point, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("none", point, "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(point, 0); err != nil {
			t.Error(err)
		}
	})
	expectLeaks(t, before, Deadline, "file "+point, "mount "+point)
}

func TestLeakedProcess(t *testing.T) {
	s, before := leakScope(t)
	pid := startServing(t, exec.Command(built.Guest, "serve", s.Dir+"/"))
	expectLeaks(t, before, 10*time.Millisecond, fmt.Sprintf("process %d: %s serve", pid, built.Guest), "file "+s.Dir+"/kept")
}

// A process that is about to end is waited for, and no leak.
func TestEndingProcessIsNoLeak(t *testing.T) {
	s, before := leakScope(t)
	pid := startServing(t, exec.Command(built.Guest, "serve", s.Dir+"/"))
	if err := unix.Kill(pid, unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	expectLeaks(t, before, Deadline, "file "+s.Dir+"/kept")
}

func TestLeakedCgroup(t *testing.T) {
	s, before := leakScope(t)
	roots, err := filepath.Glob("/sys/fs/cgroup/*/cgroup.procs")
	if err != nil {
		t.Fatal(err)
	}
	roots = append(roots, "/sys/fs/cgroup/cgroup.procs")
	for _, r := range roots {
		dir := filepath.Join(filepath.Dir(r), s.IDPrefix+"x")
		if err := os.Mkdir(dir, 0o755); err != nil {
			continue // not this hierarchy
		}
		t.Cleanup(func() {
			if err := os.Remove(dir); err != nil {
				t.Error(err)
			}
		})
		expectLeaks(t, before, Deadline, "cgroup "+dir)
		return
	}
	t.Fatal("no cgroup hierarchy is mounted below /sys/fs/cgroup, or none is writable")
}
