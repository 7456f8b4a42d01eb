package dirbucket

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
	"golang.org/x/sys/unix"
)

func TestLinkToFile(t *testing.T) {
	for name, target := range map[string]string{"outside": "../outside/file", "inside": "real", "dangling": "../outside/new"} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.must(s.WriteAll(t.Context(), "real", []byte("text"), nil))
			s.must(os.Symlink(target, s.in("link")))
			s.refused("link", gcerrors.PermissionDenied)
			if err := s.WriteAll(t.Context(), "link", []byte("x"), &blob.WriterOptions{IfNotExist: true}); gcerrors.Code(err) != gcerrors.FailedPrecondition {
				t.Errorf("a new object in place of a link: %v", err)
			}
			s.intact()
			// An object that replaces whatever is there replaces the link itself.
			s.must(s.WriteAll(t.Context(), "link", []byte("x"), nil))
			s.intact()
		})
	}
}

func TestLinkToDirectory(t *testing.T) {
	for name, target := range map[string]string{"outside": "../outside", "inside": "real", "magic": "/proc/self/root/" + t.TempDir()} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.must(s.WriteAll(t.Context(), "real/file", []byte("text"), nil))
			s.must(os.Symlink(target, s.in("link")))
			s.refused("link/file", gcerrors.PermissionDenied)
			for _, key := range []string{"link/new", "link/deep/new"} {
				if err := s.WriteAll(t.Context(), key, []byte("x"), nil); gcerrors.Code(err) != gcerrors.PermissionDenied {
					t.Errorf("writing %s: %v", key, err)
				}
			}
			s.intact()
			if _, _, err := s.ListPage(t.Context(), blob.FirstPageToken, 9, &blob.ListOptions{Prefix: "link/"}); gcerrors.Code(err) != gcerrors.PermissionDenied {
				t.Errorf("listing below a link: %v", err)
			}
		})
	}
}

// The directory's own name is the operator's, who may use links, and may move it.
func TestLinkToBucket(t *testing.T) {
	s := newSite(t)
	link := s.out("../link")
	s.must(os.Symlink("bucket", link))
	b, err := Open(link, Options{})
	s.must(err)
	defer b.Close()
	s.must(os.Remove(link))
	s.must(os.Symlink("outside", link))
	s.must(b.WriteAll(t.Context(), "a/b", []byte("text"), nil))
	if got, err := s.ReadAll(t.Context(), "a/b"); err != nil || string(got) != "text" {
		t.Fatalf("%q, %v", got, err)
	}
	s.intact()
}

func TestLinkedSidecar(t *testing.T) {
	s := newSite(t)
	s.must(os.WriteFile(s.out("file"), []byte(secret), 0o600))
	s.must(os.WriteFile(s.in("object"), []byte("text"), 0o600))
	s.must(os.Symlink("../outside/file", s.in("object"+sidecar)))
	for _, f := range []func() error{
		func() error { _, err := s.Attributes(t.Context(), "object"); return err },
		func() error { _, err := s.ReadAll(t.Context(), "object"); return err },
	} {
		if err := f(); gcerrors.Code(err) != gcerrors.PermissionDenied || bytes.Contains([]byte(err.Error()), []byte(secret)) {
			t.Errorf("attributes from outside: %v", err)
		}
	}
	s.must(s.WriteAll(t.Context(), "object", []byte("new"), nil)) // replaces the link
	s.intact()
	s.must(os.Remove(s.in("object" + sidecar)))
	s.must(os.Link(s.out("file"), s.in("object"+sidecar))) // another name of the file itself
	s.must(s.WriteAll(t.Context(), "object", []byte("new"), nil))
	s.intact()
}

// A temporary file's name that is somebody's link by now is not written through.
func TestLinkedTemporary(t *testing.T) {
	s := newSite(t)
	s.must(os.Symlink("../outside/file", s.in("temp")))
	dir, err := os.Open(s.bucket)
	s.must(err)
	defer dir.Close()
	if f, err := create(dir, "temp"); !errors.Is(err, fs.ErrExist) {
		f.Close()
		t.Errorf("a temporary file through a link: %v", err)
	}
	w, err := s.NewWriter(t.Context(), "object", nil)
	s.must(err)
	_, err = w.Write(bytes.Repeat([]byte("x"), 1<<20))
	s.must(err)
	temps, err := filepath.Glob(s.in(".volumed-*"))
	if err != nil || len(temps) != 1 {
		t.Fatalf("temporary files %v, %v", temps, err)
	}
	s.must(os.Remove(temps[0]))
	s.must(os.Symlink("../outside/file", temps[0]))
	s.must(w.Close())
	s.refused("object", gcerrors.PermissionDenied)
}

func TestSpecialFiles(t *testing.T) {
	s := newSite(t)
	for _, name := range []string{"fifo", "object" + sidecar, "temp"} {
		s.must(unix.Mkfifo(s.in(name), 0o600))
	}
	s.must(os.WriteFile(s.in("object"), []byte("text"), 0o600))
	s.refused("fifo", gcerrors.PermissionDenied)
	if _, err := s.ReadAll(t.Context(), "object"); gcerrors.Code(err) != gcerrors.PermissionDenied {
		t.Errorf("attributes from a FIFO: %v", err)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	s.must(err)
	defer unix.Close(fd)
	t.Chdir(s.bucket) // a socket's path is short
	s.must(unix.Bind(fd, &unix.SockaddrUnix{Name: "socket"}))
	s.refused("socket", gcerrors.PermissionDenied)
	if err := unix.Mknod(s.in("device"), unix.S_IFCHR|0o600, int(unix.Mkdev(1, 5))); err == nil { // /dev/zero
		s.refused("device", gcerrors.PermissionDenied)
	} else if os.Geteuid() == 0 {
		t.Error(err)
	}
}

// Somebody replaces a directory by a link, and back, all the time.
func TestLinkRace(t *testing.T) {
	s := newSite(t)
	s.must(s.WriteAll(t.Context(), "dir/file", []byte("text"), nil))
	s.must(os.Symlink("../outside", s.in("link")))
	ctx, stop := context.WithTimeout(t.Context(), time.Second)
	defer stop()
	var swaps sync.WaitGroup
	swaps.Go(func() {
		for ctx.Err() == nil {
			if err := unix.Renameat2(unix.AT_FDCWD, s.in("dir"), unix.AT_FDCWD, s.in("link"), unix.RENAME_EXCHANGE); err != nil {
				t.Error(err)
				return
			}
		}
	})
	seen := map[string]int{}
	for ctx.Err() == nil {
		if got, err := s.ReadAll(t.Context(), "dir/file"); err == nil {
			seen[string(got)]++
		}
		for _, key := range []string{"dir/new", "dir/deep/new"} {
			if s.WriteAll(t.Context(), key, []byte("x"), nil) == nil {
				seen["written"]++
			}
			if s.Delete(t.Context(), key) == nil {
				seen["deleted"]++
			}
		}
		s.keys("dir/")
		s.keys("")
	}
	stop()
	swaps.Wait()
	s.intact()
	if seen[secret] > 0 || seen["text"] == 0 || seen["written"] == 0 || seen["deleted"] == 0 {
		t.Errorf("seen: %v", seen)
	}
}
