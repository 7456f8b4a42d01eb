package volume

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// donor is a handle that donates a file.
type donor struct {
	*fakeHandle
	file *os.File
}

func (h donor) HostFile() *os.File { return h.file }

func openHost(t *testing.T, path string, flags int) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, flags, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestDonation(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	if err := os.WriteFile(path, []byte("host"), 0o600); err != nil {
		t.Fatal(err)
	}
	closed := openHost(t, path, os.O_RDONLY)
	closed.Close()
	for _, test := range []struct {
		name  string
		file  *os.File
		flags uint32
		errno unix.Errno
		host  bool
		log   string
	}{
		{"read-only", openHost(t, path, os.O_RDONLY), unix.O_RDONLY, 0, true, ""},
		{"none this time", nil, unix.O_RDONLY, 0, false, ""},
		{"opened for writing", openHost(t, path, os.O_RDONLY), unix.O_WRONLY, 0, false, ""},
		{"opened for both", openHost(t, path, os.O_RDONLY), unix.O_RDWR, 0, false, ""},
		{"opened to truncate", openHost(t, path, os.O_RDONLY), unix.O_RDONLY | unix.O_TRUNC, 0, false, ""},
		{"can be written", openHost(t, path, os.O_RDWR), unix.O_RDONLY, unix.EIO, false, "open it read-only"},
		{"path only", openHost(t, path, unix.O_PATH), unix.O_RDONLY, unix.EIO, false, "open it read-only"},
		{"directory", openHost(t, dir, os.O_RDONLY), unix.O_RDONLY, unix.EIO, false, "not a regular file"},
		{"device", openHost(t, "/dev/null", os.O_RDONLY), unix.O_RDONLY, unix.EIO, false, "not a regular file"},
		{"closed", closed, unix.O_RDONLY, unix.EIO, false, "bad file descriptor"},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := newFake()
			v.put("file", &fakeFile{})
			v.wrap = func(h Handle) Handle { return donor{h.(*fakeHandle), test.file} }
			c := dial(t, v, MountOptions{})
			f, _ := c.walk("file")
			_, host, err := f.OpenAt(background, test.flags)
			c.wantErrno("open", err, test.errno)
			if test.log != "" {
				c.wantLog(test.log)
			}
			if (host >= 0) != test.host {
				t.Fatalf("host FD %d, want one: %t", host, test.host)
			}
			if test.host {
				wantHost(t, host)
			}
			if _, err := unix.FcntlInt(test.file.Fd(), unix.F_GETFD, 0); err != nil && test.file != nil && test.file != closed {
				t.Errorf("the volume's own file: %v", err)
			}
			if err := c.hangUp(); err != nil {
				t.Error(err)
			}
			if n := v.openHandles(); n != 0 {
				t.Errorf("%d handles are open", n)
			}
		})
	}
}

func wantHost(t *testing.T, host int) {
	t.Helper()
	defer unix.Close(host)
	p := make([]byte, 10)
	if n, err := unix.Pread(host, p, 0); string(p[:max(n, 0)]) != "host" || err != nil {
		t.Errorf("read %q, %v", p[:max(n, 0)], err)
	}
	if _, err := unix.Pwrite(host, p, 0); err != unix.EBADF {
		t.Errorf("write: %v", err)
	}
}

// TestNewFilesAreNotDonated: whatever a new file is opened for.
func TestNewFilesAreNotDonated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	v := newFake()
	host := openHost(t, path, os.O_RDONLY)
	v.wrap = func(h Handle) Handle { return donor{h.(*fakeHandle), host} }
	c := dial(t, v, MountOptions{})
	for name, flags := range map[string]uint32{"r": unix.O_RDONLY, "w": unix.O_WRONLY, "rw": unix.O_RDWR} {
		if _, _, fd, err := c.root.OpenCreateAt(background, name, flags, 0o644, 1, 2); fd != -1 || err != nil {
			t.Errorf("%s: FD %d, %v", name, fd, err)
		}
	}
}

// TestLateDonation: what an abandoned Open donates is closed when it comes.
func TestLateDonation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	host := openHost(t, path, os.O_RDONLY)
	v := newFake()
	v.put("file", &fakeFile{})
	v.wrap = func(h Handle) Handle { return donor{h.(*fakeHandle), host} }
	c := dial(t, v, MountOptions{Limits: Limits{CallTimeout: short}})
	f, _ := c.walk("file")
	before := openFDs(t)
	s := v.stick("open")
	_, _, err := f.OpenAt(background, unix.O_RDONLY)
	c.wantErrno("open", err, unix.ETIMEDOUT)
	s.release()
	if err := c.mount.calls.drain(); err != nil {
		t.Fatal(err)
	}
	if n := v.openHandles(); n != 0 {
		t.Errorf("%d handles are open", n)
	}
	if after := openFDs(t); after != before {
		t.Errorf("%d FDs before, %d after", before, after)
	}
}

type privateDonor struct{ donor }

func (privateDonor) PrivateHostFile() {}

// TestDonationOnReadOnlyMount: a host's file whose mode a raised sandbox could
// change is not given to it, unless nobody else has the file.
func TestDonationOnReadOnlyMount(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("host"), 0o600); err != nil {
		t.Fatal(err)
	}
	removed := filepath.Join(t.TempDir(), "removed")
	if err := os.WriteFile(removed, []byte("host"), 0o600); err != nil {
		t.Fatal(err)
	}
	unlinked := openHost(t, removed, os.O_RDONLY)
	if err := os.Remove(removed); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name              string
		file              *os.File
		readOnly, private bool
		donated           bool
	}{
		{"with a name", openHost(t, path, os.O_RDONLY), true, false, false},
		{"with a name, mount writable", openHost(t, path, os.O_RDONLY), false, false, true},
		{"with a name, the volume's alone", openHost(t, path, os.O_RDONLY), true, true, true},
		{"without a name", unlinked, true, false, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := newFake()
			v.put("file", &fakeFile{})
			v.wrap = func(h Handle) Handle {
				d := donor{h.(*fakeHandle), test.file}
				if test.private {
					return privateDonor{d}
				}
				return d
			}
			c := dial(t, v, MountOptions{ReadOnly: test.readOnly})
			f, _ := c.walk("file")
			_, fd, err := f.OpenAt(background, unix.O_RDONLY)
			if err != nil || (fd >= 0) != test.donated {
				t.Errorf("FD %d, %v; want one: %t", fd, err, test.donated)
			}
			if fd >= 0 {
				unix.Close(fd)
			}
		})
	}
}
