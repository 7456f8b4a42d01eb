package volume

import (
	"io/fs"
	"testing"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/abi/linux"
	"gvisor.dev/gvisor/pkg/lisafs"
)

// TestRemovedWhileOpen: the fake forgets a file at once.
func TestRemovedWhileOpen(t *testing.T) {
	v := newFake()
	v.put("file", &fakeFile{content: []byte("content"), attr: Attr{Mode: 0o640, Links: 3}})
	c := dial(t, v, MountOptions{})
	f, _ := c.walk("file")
	o := c.openFD(f, unix.O_RDWR)
	if _, err := o.Write(background, []byte("longer"), 7); err != nil {
		t.Fatal(err)
	}
	if _, err := c.root.WalkStat(background, []string{"file"}); err != nil {
		t.Fatal(err)
	}
	c.wantErrno("remove", c.root.UnlinkAt(background, "file", 0), 0)
	for name, fd := range map[string]lisafs.ClientFD{"file": f, "open file": o} {
		var s lisafs.Statx
		if err := fd.StatTo(background, &s); err != nil || s.Nlink != 0 || s.Size != 13 || s.Mode != unix.S_IFREG|0o640 {
			t.Errorf("%s: %v, %v", name, &s, err)
		}
	}
	p := make([]byte, 7)
	if n, err := o.Read(background, p, 0); string(p[:n]) != "content" || err != nil {
		t.Errorf("read %q, %v", p[:n], err)
	}
	if _, err := o.Write(background, []byte("C"), 0); err != nil {
		t.Errorf("write: %v", err)
	}
	_, err := c.root.Walk(background, "file")
	c.wantErrno("walk", err, unix.ENOENT)
}

func TestRename(t *testing.T) {
	v := newFake()
	v.put("dir", &fakeFile{attr: Attr{Mode: fs.ModeDir}})
	v.put("file", &fakeFile{content: []byte("content")})
	v.put("other", &fakeFile{})
	c := dial(t, v, MountOptions{})
	dir, _ := c.walk("dir")
	f, before := c.walk("file")
	o := c.openFD(f, unix.O_RDONLY)
	for name, flags := range map[string]uint32{"exchange": linux.RENAME_EXCHANGE, "whiteout": unix.RENAME_WHITEOUT, "unknown": 1 << 20} {
		c.wantErrno(name, c.root.RenameAt(background, "file", dir.ID(), "new", flags), unix.EINVAL)
	}
	c.wantErrno("no replace", c.root.RenameAt(background, "file", c.root.ID(), "other", linux.RENAME_NOREPLACE), unix.EEXIST)
	c.wantErrno("no replace, free", c.root.RenameAt(background, "file", c.root.ID(), "free", linux.RENAME_NOREPLACE), 0)
	c.wantErrno("plain", c.root.RenameAt(background, "free", dir.ID(), "new", 0), 0)
	stats, err := c.root.WalkStat(background, []string{"dir", "new"})
	if err != nil || len(stats) != 2 || stats[1].Ino != before.Ino {
		t.Errorf("inode number went from %d, got %v, %v", before.Ino, stats, err)
	}
	p := make([]byte, 7)
	if n, err := o.Read(background, p, 0); string(p[:n]) != "content" || err != nil {
		t.Errorf("read %q, %v", p[:n], err)
	}
	c.wantErrno("change", chmod(f, 0o600), 0)
}

func chmod(f lisafs.ClientFD, mode uint16) error {
	_, failure, err := f.SetStat(background, &linux.Statx{Mask: unix.STATX_MODE, Mode: mode})
	if err != nil {
		return err
	}
	return failure
}
