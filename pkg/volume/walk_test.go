package volume

import (
	"io/fs"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// deep is a volume with a/b/file and a/link.
func deep() *fake {
	v := newFake()
	a := v.put("a", &fakeFile{attr: Attr{Mode: fs.ModeDir}})
	b := v.add("b", &fakeFile{attr: Attr{Mode: fs.ModeDir}, entries: map[string]ID{}})
	v.files[a].entries["b"] = b
	v.files[b].entries["file"] = v.add("file", &fakeFile{content: []byte("x"), attr: Attr{Size: 1}})
	v.files[a].entries["link"] = v.add("link", &fakeFile{attr: Attr{Mode: fs.ModeSymlink}, target: "b"})
	return v
}

func TestWalkStat(t *testing.T) {
	for _, test := range []struct {
		path string
		want []uint16
	}{
		{"", []uint16{unix.S_IFDIR}},
		{"/a/b/file", []uint16{unix.S_IFDIR, unix.S_IFDIR, unix.S_IFDIR, unix.S_IFREG}},
		{"a/b/file", []uint16{unix.S_IFDIR, unix.S_IFDIR, unix.S_IFREG}},
		{"a/missing/file", []uint16{unix.S_IFDIR}},
		{"missing", nil},
		{"a/link/file", []uint16{unix.S_IFDIR, unix.S_IFLNK}},
		{"a/b/file/more", []uint16{unix.S_IFDIR, unix.S_IFDIR, unix.S_IFREG}},
	} {
		t.Run(test.path, func(t *testing.T) {
			c := dial(t, deep(), MountOptions{})
			stats, err := c.root.WalkStat(background, strings.Split(test.path, "/"))
			if err != nil || len(stats) != len(test.want) {
				t.Fatalf("got %v, %v, want %d", stats, err, len(test.want))
			}
			seen := map[uint64]bool{}
			for i, s := range stats {
				if s.Mode&unix.S_IFMT != test.want[i] || seen[s.Ino] || s.Ino == 0 {
					t.Errorf("%d: %v", i, &s)
				}
				seen[s.Ino] = true
			}
		})
	}
}

// TestWalksAgree: both walks have the same numbers, and the root has 1.
func TestWalksAgree(t *testing.T) {
	c := dial(t, deep(), MountOptions{})
	if c.stat.Ino != rootInode {
		t.Errorf("root is %d", c.stat.Ino)
	}
	path := []string{"a", "b", "file"}
	before, err := c.root.WalkStat(background, path)
	if err != nil {
		t.Fatal(err)
	}
	_, inodes, err := c.root.WalkMultiple(background, path)
	if err != nil || len(inodes) != 3 {
		t.Fatalf("got %v, %v", inodes, err)
	}
	after, err := c.root.WalkStat(background, path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range path {
		if before[i] != inodes[i].Stat || after[i] != inodes[i].Stat {
			t.Errorf("%s: %v, %v, %v", path[i], &before[i], &inodes[i].Stat, &after[i])
		}
	}
	_, _, err = c.root.WalkMultiple(background, []string{"a", "b", "file", "more"})
	c.wantErrno("walk through a file", err, unix.ENOTDIR)
}

func TestNames(t *testing.T) {
	long := strings.Repeat("n", 255)
	for _, test := range []struct {
		name  string
		arg   string
		errno unix.Errno
	}{
		{"longest", long, 0},
		{"too long", long + "n", unix.ENAMETOOLONG},
		{"zero byte", "a\x00b", unix.EINVAL},
		{"slash", "a/b", unix.EINVAL},
		{"dot dot", "..", unix.EINVAL},
		{"empty", "", unix.EINVAL},
		{"bytes that are no UTF-8", "\xff\xfe", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := newFake()
			v.put("file", &fakeFile{})
			c := dial(t, v, MountOptions{})
			f, _ := c.walk("file")
			_, err := c.root.MkdirAt(background, test.arg, 0o755, 1, 2)
			c.wantErrno("mkdir", err, test.errno)
			_, err = c.root.Walk(background, test.arg)
			c.wantErrno("walk", err, test.errno)
			if test.errno == 0 {
				return
			}
			_, _, _, err = c.root.OpenCreateAt(background, test.arg, unix.O_RDWR, 0o644, 1, 2)
			c.wantErrno("create", err, test.errno)
			_, err = c.root.SymlinkAt(background, test.arg, "target", 1, 2)
			c.wantErrno("symlink", err, test.errno)
			_, err = c.root.LinkAt(background, f.ID(), test.arg)
			c.wantErrno("link", err, test.errno)
			c.wantErrno("remove", c.root.UnlinkAt(background, test.arg, 0), test.errno)
			c.wantErrno("rename from", c.root.RenameAt(background, test.arg, c.root.ID(), "x", 0), test.errno)
			c.wantErrno("rename to", c.root.RenameAt(background, "file", c.root.ID(), test.arg, 0), test.errno)
			if test.arg != "" {
				_, err = c.root.WalkStat(background, []string{test.arg})
				c.wantErrno("walk and stat", err, test.errno)
			}
			if n := v.called("lookup"); n != 1 {
				t.Errorf("the volume was asked %d times, want once, for the file", n)
			}
		})
	}
}

func TestSymlinks(t *testing.T) {
	longest := strings.Repeat("t", 4095)
	v := newFake()
	c := dial(t, v, MountOptions{})
	for target, errno := range map[string]unix.Errno{"": unix.ENOENT, longest + "t": unix.ENAMETOOLONG, "a\x00": unix.EINVAL} {
		_, err := c.root.SymlinkAt(background, "bad", target, 1, 2)
		c.wantErrno("symlink", err, errno)
	}
	for name, target := range map[string]string{"short": "../a", "longest": longest} {
		i, err := c.root.SymlinkAt(background, name, target, 1, 2)
		if err != nil || i.Stat.Mode != unix.S_IFLNK|0o777 || i.Stat.Size != uint64(len(target)) {
			t.Fatalf("got %v, %v", &i, err)
		}
		f := c.NewFD(i.ControlFD)
		if got, err := f.ReadLinkAt(background); got != target || err != nil {
			t.Errorf("read %q, %v, want %q", got, err, target)
		}
	}
	for name, target := range map[string]string{"empty": "", "long": longest + "t", "zero": "a\x00"} {
		v.put(name, &fakeFile{attr: Attr{Mode: fs.ModeSymlink}, target: target})
		f, _ := c.walk(name)
		_, err := f.ReadLinkAt(background)
		c.wantErrno("read "+name, err, unix.EIO)
	}
	c.wantLog("ReadLink returned 4096 bytes")
	v.put("gone", &fakeFile{attr: Attr{Mode: fs.ModeSymlink}, target: "x"})
	f, _ := c.walk("gone")
	v.mu.Lock()
	delete(v.files, "id-gone")
	v.mu.Unlock()
	_, err := f.ReadLinkAt(background)
	c.wantErrno("read of what is gone", err, unix.ENOENT)
}
