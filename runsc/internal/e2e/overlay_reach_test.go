package e2e

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// layers are the directories of a stack.
func (s stack) layers() []string {
	all := slices.Clone(s.lowers)
	if s.upper != "" {
		all = append(all, s.upper, s.work)
	}
	return all
}

// withLayers is the container's bundle as if each layer were bind-mounted, to look
// for them among what a process holds and reaches.
func withLayers(b *harness.Bundle, stacks map[string]stack) *harness.Bundle {
	probe, spec := *b, *b.Spec
	probe.Spec, spec.Mounts = &spec, slices.Clone(spec.Mounts)
	for destination, s := range stacks {
		for i, l := range s.layers() {
			spec.Mounts = append(spec.Mounts, specs.Mount{Destination: fmt.Sprintf("layer %d of %s", i, destination), Type: "bind", Source: l})
		}
	}
	return &probe
}

// checkOverlays expects the sandbox to hold the roots of the mounts that want has
// as true, those of overlays among them, no layer of an overlay, and to reach
// nothing else from there.
func checkOverlays(t *testing.T, c *harness.Container, want access, stacks map[string]stack) {
	t.Helper()
	probe := withLayers(c.Bundle, stacks)
	held, err := probe.Held(c.SandboxPID)
	if err != nil {
		t.Fatal(err)
	}
	binds, overlays := maps.Clone(want), map[uint64]string{}
	for destination, s := range stacks {
		delete(binds, destination)
		if want[destination] {
			overlays[rootOf(t, s)] = destination
		}
	}
	if got := held.Mounts(); !slices.Equal(got, direct(binds)) {
		t.Errorf("the sandbox holds directories of %q, want %q: %q", got, direct(binds), held.Dirs)
	}
	found := map[uint64]string{} // by device
	for _, d := range held.Strangers {
		if destination, ok := overlays[d.Ino]; ok && isOverlayFD(t, c.SandboxPID, d.FD) {
			found[d.Dev] = destination
		}
	}
	for _, d := range held.Strangers {
		if found[d.Dev] == "" {
			t.Errorf("the sandbox holds a directory that is in no overlay: %+v", d)
		}
	}
	if len(found) != len(overlays) {
		t.Errorf("the sandbox holds the overlays %v, want %v", found, overlays)
	}
	reached, err := probe.Reachable(c.SandboxPID)
	if err != nil || !slices.Equal(reached, direct(binds)) {
		t.Errorf("the sandbox can reach %q, %v, want %q", reached, err, direct(binds))
	}
	checkWalk(t, c.SandboxPID)
}

// rootOf is the inode of the root of a stack's overlay: that of the uppermost
// layer, on a device of its own (Documentation/filesystems/overlayfs.rst).
func rootOf(t *testing.T, s stack) uint64 {
	t.Helper()
	top := s.upper
	if top == "" {
		top = s.lowers[0]
	}
	var st unix.Stat_t
	if err := unix.Stat(top, &st); err != nil {
		t.Fatal(err)
	}
	return st.Ino
}

func statfsOf(t *testing.T, pid, fd int) unix.Statfs_t {
	t.Helper()
	var st unix.Statfs_t
	if err := unix.Statfs(fmt.Sprintf("/proc/%d/fd/%d", pid, fd), &st); err != nil {
		t.Error(err)
	}
	return st
}

func isOverlayFD(t *testing.T, pid, fd int) bool {
	t.Helper()
	return statfsOf(t, pid, fd).Type == unix.OVERLAYFS_SUPER_MAGIC
}

// checkWalk expects that ".." leads from an overlay that a process holds to
// nothing but the overlay, or an empty directory.
func checkWalk(t *testing.T, pid int) {
	t.Helper()
	dirs, err := harness.DirFDs(pid)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dirs {
		if !isOverlayFD(t, pid, d.FD) {
			continue
		}
		name := fmt.Sprintf("/proc/%d/fd/%d/..", pid, d.FD)
		var above unix.Stat_t
		if err := unix.Stat(name, &above); err == nil && uint64(above.Dev) == d.Dev {
			continue
		}
		if entries, err := os.ReadDir(name); err != nil || len(entries) > 0 {
			t.Errorf("from FD %d of process %d, .. leads to device %d inode %d with %v, %v", d.FD, pid, above.Dev, above.Ino, entries, err)
		}
	}
}

// lockFDs are the FDs of a process that lock directories of the stack.
func (s stack) lockFDs(t *testing.T, pid int) (locks []harness.HeldDir) {
	t.Helper()
	dirs, err := harness.DirFDs(pid)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dirs {
		for _, l := range s.layers() {
			var st unix.Stat_t
			if err := unix.Stat(l, &st); err != nil {
				t.Fatal(err)
			}
			if uint64(st.Dev) == d.Dev && st.Ino == d.Ino {
				locks = append(locks, d)
			}
		}
	}
	return locks
}
