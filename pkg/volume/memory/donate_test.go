package memory_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"testing"

	"github.com/directfs/runsc/pkg/volume"
	"github.com/directfs/runsc/pkg/volume/memory"
	"golang.org/x/sys/unix"
)

// TestDonatedIsNotWritable tries what a sandbox with the FD could.
func TestDonatedIsNotWritable(t *testing.T) {
	v := newTree(t, memory.Options{DonateFiles: true})
	f := v.handle.(volume.FileDonor).HostFile()
	if f == nil {
		t.Fatal("no host file")
	}
	if _, err := f.WriteAt([]byte("x"), 0); err == nil {
		t.Error("the FD can be written")
	}
	if err := f.Truncate(0); err == nil {
		t.Error("the FD can be truncated")
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	// Root may open anything; whoever else gets the FD goes by the mode.
	if perm := st.Mode & 0o777; perm != 0o400 {
		t.Errorf("the file's mode is %#o, want 0400, so that /proc/self/fd does not open it for writing", perm)
	}
}

// TestDonatedIsExecutable maps a file as the sandbox does for exec.
func TestDonatedIsExecutable(t *testing.T) {
	v := newTree(t, memory.Options{DonateFiles: true})
	f := v.handle.(volume.FileDonor).HostFile()
	p, err := unix.Mmap(int(f.Fd()), 0, 10, unix.PROT_READ|unix.PROT_EXEC, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(p)
	if err := v.write(2, 3); err != nil {
		t.Fatal(err)
	}
	if want := "012\x00\x0056789"; string(p) != want {
		t.Errorf("the mapping has %q after a write, want %q", p, want)
	}
}

// TestNotDonated is about handles that have nothing to donate.
func TestNotDonated(t *testing.T) {
	plain := newTree(t, memory.Options{})
	if f := plain.handle.(volume.FileDonor).HostFile(); f != nil {
		t.Error("a volume that does not donate has a host file")
	}
	donating := newTree(t, memory.Options{DonateFiles: true})
	h, err := donating.Open(t.Context(), donating.file, volume.OpenHow{Write: true})
	if err != nil {
		t.Fatal(err)
	}
	if f := h.(volume.FileDonor).HostFile(); f != nil {
		t.Error("a handle that may not read has a host file")
	}
}

// TestDescriptorsAreClosed counts those of removed files and of a closed volume.
func TestDescriptorsAreClosed(t *testing.T) {
	before := memfds(t)
	v := newTree(t, memory.Options{DonateFiles: true})
	for i := range 10 {
		if err := v.create(fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	if n := memfds(t) - before; n != 22 {
		t.Errorf("11 files have %d FDs, want 22", n)
	}
	for i := range 5 {
		if err := v.Remove(t.Context(), v.root, fmt.Sprint(i), false); err != nil {
			t.Fatal(err)
		}
	}
	if n := memfds(t) - before; n != 12 {
		t.Errorf("6 files have %d FDs, want 12", n)
	}
	if err := v.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := memfds(t) - before; n != 0 {
		t.Errorf("a closed volume has %d FDs", n)
	}
}

// memfds counts the memfds of the process.
func memfds(t *testing.T) (n int) {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if target, _ := os.Readlink("/proc/self/fd/" + fd.Name()); target == "/memfd:volume (deleted)" {
			n++
		}
	}
	return n
}

// TestHandleDoesWhatItWasOpenedFor and nothing after it was closed.
func TestHandleDoesWhatItWasOpenedFor(t *testing.T) {
	v := newTree(t, memory.Options{})
	ctx, one := t.Context(), make([]byte, 1)
	for name, c := range map[string]struct {
		how         volume.OpenHow
		read, write error
	}{
		"read":  {volume.OpenHow{Read: true}, nil, syscall.EBADF},
		"write": {volume.OpenHow{Write: true}, syscall.EBADF, nil},
		"both":  {both, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			h, err := v.Open(ctx, v.file, c.how)
			if err != nil {
				t.Fatal(err)
			}
			w := h.(volume.WritableHandle)
			if _, err := w.ReadAt(ctx, one, 0); !errors.Is(err, c.read) {
				t.Errorf("ReadAt: %v, want %v", err, c.read)
			}
			if _, err := w.WriteAt(ctx, one, 0); !errors.Is(err, c.write) {
				t.Errorf("WriteAt: %v, want %v", err, c.write)
			}
			if err := w.Close(ctx); err != nil {
				t.Error(err)
			}
			for what, err := range map[string]error{
				"Close": w.Close(ctx), "Sync": w.Sync(ctx), "Flush": w.Flush(ctx),
			} {
				if !errors.Is(err, os.ErrClosed) {
					t.Errorf("%s of a closed handle: %v, want %v", what, err, os.ErrClosed)
				}
			}
		})
	}
}

// TestReadOnly opens the same files by the view that cannot be written.
func TestReadOnly(t *testing.T) {
	v := newTree(t, memory.Options{})
	r := v.ReadOnly()
	if _, ok := r.(volume.Writable); ok {
		t.Error("the view is a volume.Writable")
	}
	for _, how := range []volume.OpenHow{both, {Write: true}, {Write: true, Truncate: true}} {
		if _, err := r.Open(t.Context(), v.file, how); !errors.Is(err, syscall.EROFS) {
			t.Errorf("Open with %+v: %v, want %v", how, err, syscall.EROFS)
		}
	}
	h, err := r.Open(t.Context(), v.file, volume.OpenHow{Read: true})
	if err != nil {
		t.Fatal(err)
	}
	p := make([]byte, 20)
	if n, err := h.ReadAt(t.Context(), p, 0); string(p[:n]) != "0123456789" || err != io.EOF {
		t.Errorf("ReadAt returned %q, %v", p[:n], err)
	}
}

func TestOpenOfWhatIsNoFile(t *testing.T) {
	v := newTree(t, memory.Options{})
	link, err := v.Symlink(t.Context(), v.root, "link", "file", newFile)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Open(t.Context(), v.root, both); !errors.Is(err, syscall.EISDIR) {
		t.Errorf("Open of a directory: %v, want %v", err, syscall.EISDIR)
	}
	if _, err := v.Open(t.Context(), link.ID, both); !errors.Is(err, syscall.ELOOP) {
		t.Errorf("Open of a symbolic link: %v, want %v", err, syscall.ELOOP)
	}
}
