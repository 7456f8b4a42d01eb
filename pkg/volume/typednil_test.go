package volume

import (
	"context"
	"io/fs"
	"testing"

	"golang.org/x/sys/unix"
)

// TestErrorThatPanics: a backend returns a nil pointer as an error, of which
// nothing can be asked.
func TestErrorThatPanics(t *testing.T) {
	v := newFake()
	v.put("file", &fakeFile{})
	c := dial(t, v, MountOptions{})
	f, _ := c.walk("file")
	v.setHook(func(context.Context, string, ID) error { return (*fs.PathError)(nil) })
	_, err := c.root.Walk(background, "file")
	c.wantErrno("walk", err, unix.EIO)
	_, _, err = f.OpenAt(background, unix.O_RDONLY)
	c.wantErrno("open", err, unix.EIO)
	_, err = c.root.MkdirAt(background, "d", 0o755, 0, 0)
	c.wantErrno("make a directory", err, unix.EIO)
	v.setHook(nil)
	_, err = c.root.MkdirAt(background, "d", 0o755, 0, 0)
	c.wantErrno("make a directory afterwards", err, 0)
	if got := c.mount.open.used.Load(); got != 0 {
		t.Errorf("%d open", got)
	}
}
