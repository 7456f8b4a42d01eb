package harness

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

func TestHeldFindsTheDirectoriesOfAChild(t *testing.T) {
	b, err := NewBundle(t.TempDir(), built.Guest, Mount("/a"), Mount("/b"), Mount("/c"))
	if err != nil {
		t.Fatal(err)
	}
	deep := filepath.Join(b.Source("/b"), "x", "y")
	if err := os.MkdirAll(deep, 0o755); err != nil {
		t.Fatal(err)
	}
	stranger := t.TempDir()
	// In the order of the FDs: two mounts, one of them by a path below its
	// root; a mount point, which belongs to the rootfs; a file.
	pid := childHolding(t, b.Source("/a"), deep, filepath.Join(b.Rootfs(), "c"), stranger, filepath.Join(b.Rootfs(), GuestPath))
	h, err := b.Held(pid)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := h.Mounts(), []string{"/", "/a", "/b"}; !slices.Equal(got, want) {
		t.Errorf("directories of mounts %q are held, want %q", got, want)
	}
	if !h.HoldsRoot("/a") || h.HoldsRoot("/b") || h.HoldsRoot("/") || !slices.Equal(h.Dirs["/b"], []string{"x/y"}) || !slices.Equal(h.Dirs["/"], []string{"c"}) {
		t.Errorf("held below each mount: %q", h.Dirs)
	}
	if len(h.Strangers) != 1 || h.Strangers[0].Link != stranger {
		t.Errorf("strangers are %+v, want %s", h.Strangers, stranger)
	}
}

// A directory below the rootfs leads up to the rootfs and everything else on
// the machine's disk; a detached mount of one source leads nowhere else.
func TestReachable(t *testing.T) {
	dir := t.TempDir()
	b, err := NewBundle(dir, built.Guest, Mount("/a"), Mount("/b"))
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.OpenTree(unix.AT_FDCWD, b.Source("/a"), unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	alone := os.NewFile(uintptr(fd), "detached")
	defer alone.Close()
	pid := childWith(t, alone)
	got, err := b.Reachable(pid)
	if err != nil || !slices.Equal(got, []string{"/a"}) {
		t.Errorf("from a detached mount of /a: %q, %v", got, err)
	}

	// A mount of the whole bundle: from one source, ".." leads to the others.
	fd, err = unix.OpenTree(unix.AT_FDCWD, dir, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	below, err := unix.Openat(fd, "src/a", unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	together := os.NewFile(uintptr(below), "below")
	defer together.Close()
	got, err = b.Reachable(childWith(t, together))
	if err != nil || !slices.Equal(got, []string{"/", "/a", "/b"}) {
		t.Errorf("from /a below a mount of everything: %q, %v", got, err)
	}
}

// childHolding starts a process that has the paths open, some of them with
// O_PATH, and returns once it runs.
func childHolding(t *testing.T, paths ...string) int {
	t.Helper()
	var files []*os.File
	for i, p := range paths {
		flags := os.O_RDONLY
		if i%2 == 0 {
			flags = unix.O_PATH
		}
		f, err := os.OpenFile(p, flags, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files = append(files, f)
	}
	return childWith(t, files...)
}

// childWith starts a process that has the files, and no other directory, open.
func childWith(t *testing.T, files ...*os.File) int {
	t.Helper()
	cmd := exec.Command(built.Guest, "serve")
	cmd.ExtraFiles = files
	return startServing(t, cmd)
}

// startServing starts a guest on the host and waits for its report.
func startServing(t *testing.T, cmd *exec.Cmd) int {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(unix.SIGTERM) // it may have been ended by the test
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	return cmd.Process.Pid
}

func ownerOf(path string) (uint32, error) {
	var st unix.Stat_t
	err := unix.Lstat(path, &st)
	return st.Uid, err
}
