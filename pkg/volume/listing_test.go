package volume

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/lisafs"
)

func TestListing(t *testing.T) {
	v := newFake()
	kinds := map[fs.FileMode]uint8{0: unix.DT_REG, fs.ModeDir: unix.DT_DIR, fs.ModeSymlink: unix.DT_LNK, fs.ModeNamedPipe: unix.DT_FIFO, fs.ModeSocket: unix.DT_SOCK}
	want := map[string]uint8{}
	for kind, dt := range kinds {
		for i := range 600 { // more than a page, and more than a message
			name := fmt.Sprintf("%d-%03d", dt, i)
			v.put(name, &fakeFile{attr: Attr{Mode: kind}})
			want[name] = dt
		}
	}
	c := dial(t, v, MountOptions{})
	dir := c.openFD(c.root, unix.O_RDONLY)
	for _, count := range []int32{64 << 10, 512} {
		all, err := c.list(dir, count)
		if err != nil || len(all) != len(want) {
			t.Fatalf("%d entries, want %d, %v", len(all), len(want), err)
		}
		if all[0].Off != 1 {
			t.Errorf("the first entry has the offset %d", all[0].Off)
		}
		off := uint64(0)
		for _, d := range all {
			if want[string(d.Name)] != uint8(d.Type) || uint64(d.Off) <= off {
				t.Errorf("entry %v after offset %d", &d, off)
			}
			off = uint64(d.Off)
		}
	}
	all, err := c.list(dir, 1<<20)
	if err != nil || len(all) != len(want) {
		t.Errorf("%d entries, want %d, %v", len(all), len(want), err)
	}
	_, stat := c.walk("8-000")
	if i := all[indexOf(all, "8-000")]; uint64(i.Ino) != stat.Ino {
		t.Errorf("listed with inode %d, has %d", i.Ino, stat.Ino)
	}
}

func indexOf(all []lisafs.Dirent64, name string) int {
	for i, d := range all {
		if string(d.Name) == name {
			return i
		}
	}
	return -1
}

func TestListingBytes(t *testing.T) {
	v := newFake()
	for i := range 100 {
		v.put(fmt.Sprintf("name-%02d", i), &fakeFile{})
	}
	c := dial(t, v, MountOptions{})
	dir := c.openFD(c.root, unix.O_RDONLY)
	size := (&lisafs.Dirent64{Name: "name-00"}).SizeBytes()
	for count, want := range map[int]int{10*size - 1: 9, 10 * size: 10, size: 1} {
		if page, err := dir.Getdents64(background, -int32(count)); err != nil || len(page) != want {
			t.Errorf("%d bytes: %d entries, want %d, %v", count, len(page), want, err)
		}
	}
	_, err := dir.Getdents64(background, -int32(size-1))
	c.wantErrno("too small", err, unix.EINVAL)
	_, err = dir.Getdents64(background, -1<<31) // the engine cannot negate it
	c.wantErrno("the most negative", err, 0)
}

// TestListingSurvivesChanges: what is there all the time is listed once.
func TestListingSurvivesChanges(t *testing.T) {
	v := newFake()
	for _, name := range []string{"b", "d", "f", "h"} {
		v.put(name, &fakeFile{})
	}
	c := dial(t, v, MountOptions{})
	dir := c.openFD(c.root, unix.O_RDONLY)
	one := int32((&lisafs.Dirent64{Name: "b"}).SizeBytes())
	first, err := dir.Getdents64(background, -one)
	if err != nil || len(first) != 1 || first[0].Name != "b" {
		t.Fatalf("got %v, %v", first, err)
	}
	c.wantErrno("remove", c.root.UnlinkAt(background, "b", 0), 0)
	v.put("a", &fakeFile{})
	var names string
	for {
		page, err := dir.Getdents64(background, one)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		names += string(page[0].Name)
	}
	if names != "dfh" {
		t.Errorf("went on with %q, want dfh", names)
	}
	if again, err := c.list(dir, 4096); err != nil || len(again) != 4 || again[0].Name != "a" {
		t.Errorf("from the beginning: %v, %v", again, err)
	}
}

func TestBadListing(t *testing.T) {
	e := func(name string) Entry { return Entry{Name: name, ID: ID("id-" + name)} }
	for _, test := range []struct {
		name string
		page []Entry
		log  string
	}{
		{"out of order", []Entry{e("b"), e("a")}, `lists \"a\" after \"b\"`},
		{"twice", []Entry{e("a"), e("a")}, `lists \"a\" after \"a\"`},
		{"slash", []Entry{e("a/b")}, `lists \"a/b\", which is no name`},
		{"empty name", []Entry{e("")}, `lists \"\", which is no name`},
		{"dot", []Entry{e(".")}, `lists \".\", which is no name`},
		{"dot dot", []Entry{e("..")}, `lists \"..\", which is no name`},
		{"zero byte", []Entry{e("a\x00")}, "which is no name"},
		{"empty ID", []Entry{{Name: "a"}}, "empty ID"},
		{"type with permissions", []Entry{{Name: "a", ID: "a", Type: 0o644}}, "with the type"},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := newFake()
			v.list = func(string) ([]Entry, error) { return test.page, nil }
			c := dial(t, v, MountOptions{})
			_, err := c.list(c.openFD(c.root, unix.O_RDONLY), 64<<10)
			c.wantErrno("list", err, unix.EIO)
			c.wantLog(test.log)
		})
	}
	t.Run("no progress", func(t *testing.T) {
		v := newFake()
		v.list = func(string) ([]Entry, error) { return []Entry{e("a"), e("b")}, nil }
		c := dial(t, v, MountOptions{})
		all, err := c.list(c.openFD(c.root, unix.O_RDONLY), 64<<10)
		c.wantErrno("list", err, unix.EIO)
		if len(all) != 2 {
			t.Errorf("before it listed %v", all)
		}
		c.wantLog(`lists \"a\" after \"b\"`)
	})
}

// TestDeviceIsListed: whoever can make one in a directory must not keep the
// sandbox from the other files there.
func TestDeviceIsListed(t *testing.T) {
	v := newFake()
	v.put("a", &fakeFile{})
	v.put("block", &fakeFile{attr: Attr{Mode: fs.ModeDevice}})
	v.put("character", &fakeFile{attr: Attr{Mode: fs.ModeDevice | fs.ModeCharDevice}})
	v.put("other", &fakeFile{attr: Attr{Mode: fs.ModeIrregular}})
	v.put("z", &fakeFile{})
	c := dial(t, v, MountOptions{})
	all, err := c.list(c.openFD(c.root, unix.O_RDONLY), 64<<10)
	if err != nil || len(all) != 5 {
		t.Fatalf("listed %v, %v", all, err)
	}
	for i, want := range []uint8{unix.DT_REG, unix.DT_UNKNOWN, unix.DT_UNKNOWN, unix.DT_UNKNOWN, unix.DT_REG} {
		if got := uint8(all[i].Type); got != want {
			t.Errorf("%s has the type %d, want %d", all[i].Name, got, want)
		}
	}
	_, err = c.root.Walk(background, "block")
	c.wantErrno("walk", err, unix.EIO)
}

// TestListingErrorIsNotTheEnd: entries come before the error of the page that
// follows.
func TestListingErrorIsNotTheEnd(t *testing.T) {
	v := newFake()
	failing := true
	v.list = func(after string) ([]Entry, error) {
		switch {
		case after == "":
			return []Entry{{Name: "a", ID: "a"}}, nil
		case failing:
			return nil, errors.New("the store is down")
		case after == "a":
			return []Entry{{Name: "b", ID: "b"}}, nil
		}
		return nil, nil
	}
	c := dial(t, v, MountOptions{})
	dir := c.openFD(c.root, unix.O_RDONLY)
	if page, err := dir.Getdents64(background, -4096); err != nil || len(page) != 1 {
		t.Fatalf("got %v, %v", page, err)
	}
	_, err := dir.Getdents64(background, 4096)
	c.wantErrno("list", err, unix.EIO)
	v.mu.Lock()
	failing = false
	v.mu.Unlock()
	if page, err := dir.Getdents64(background, 4096); err != nil || len(page) != 1 || page[0].Name != "b" {
		t.Errorf("went on with %v, %v", page, err)
	}
}
