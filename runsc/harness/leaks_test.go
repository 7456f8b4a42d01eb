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

	"github.com/moby/sys/mountinfo"
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

// White space of all kinds, in UTF-8 and not, is part of a name. The kernel
// writes some of it as octal numbers (proc_pid_mountinfo(5)) and NBSP, NEL, CR,
// VT and FF as they are.
func TestLeakedMountWithWhiteSpace(t *testing.T) {
	for what, c := range map[string]string{
		"space": " ", "tab": "\t", "line feed": "\n", "backslash": "\\", "hash": "#", "CR": "\r", "VT": "\v", "FF": "\f",
		"NEL": "\u0085", "NBSP": "\u00a0", "NEL in Latin-1": "\x85", "NBSP in Latin-1": "\xa0", "ideographic space": "\u3000",
	} {
		t.Run(what, func(t *testing.T) {
			s, before := leakScope(t)
			name := "a" + c + "b" + c
			point := filepath.Join(s.Dir, name)
			if err := os.Mkdir(point, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := unix.Mount(name, point, "tmpfs", 0, ""); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := unix.Unmount(point, 0); err != nil {
					t.Error(err)
				}
			})
			leaks, err := before.Diff(Context(t))
			if want := []string{"file " + point, "mount " + point}; err != nil || !slices.Equal(leaks, want) {
				t.Errorf("leaks are %q, %v, want %q", leaks, err, want)
			}
			mounts, err := mountinfo.GetMounts(mountinfo.PrefixFilter(s.Dir))
			if err != nil || len(mounts) != 1 || mounts[0].Source != name {
				t.Errorf("mounts are %+v, %v, want one of %q", mounts, err, name)
			}
		})
	}
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
