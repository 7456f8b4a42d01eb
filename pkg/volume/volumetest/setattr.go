package volumetest

import (
	"io/fs"
	"strings"
	"time"

	"github.com/directfs/runsc/pkg/volume"
)

var setAttrChecks = []check{
	{"setattr/permissions", write | permission, setPermissions},
	{"setattr/owner", write | owner, setOwner},
	{"setattr/size", write, setSize},
	{"setattr/times", write | times, setTimes},
	{"setattr/what-is-nil-stays", write | permission | owner | times, setNothing},
	{"setattr/of-a-directory", write | permission | owner, setDirectory},
	{"setattr/all-or-nothing", write | permission, setAllOrNothing},
	{"setattr/unsupported-is-an-error", write | lack, setUnsupported},
}

func setPermissions(e *env) {
	a := e.create(e.root(), "file", "")
	special := fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky
	for _, perm := range []fs.FileMode{0o600, 0, 0o777, 0o755 | fs.ModeSetuid, 0o755 | fs.ModeSetgid, 0o711 | special, 0o644} {
		e.setAttr(a.ID, volume.Change{Perm: &perm})
		if got := e.stat(a.ID).Mode; got != perm {
			e.Errorf("the mode is %v after %v was set", got, perm)
		}
	}
}

func setOwner(e *env) {
	a := e.create(e.root(), "file", "")
	e.setAttr(a.ID, volume.Change{UID: new(uint32(1000)), GID: new(uint32(2000))})
	e.owner(e.stat(a.ID), 1000, 2000)
	e.setAttr(a.ID, volume.Change{UID: new(uint32(1001))})
	e.owner(e.stat(a.ID), 1001, 2000)
	e.setAttr(a.ID, volume.Change{GID: new(uint32(2001))})
	e.owner(e.stat(a.ID), 1001, 2001)
}

// setSize cuts off and extends, also while the file is open.
func setSize(e *env) {
	a := e.create(e.root(), "file", "0123456789")
	h := e.open(a.ID, reading)
	for _, step := range []struct {
		size int64
		want string
	}{
		{4, "0123"},
		{4, "0123"},
		{6, "0123\x00\x00"},
		{0, ""},
		{5000, strings.Repeat("\x00", 5000)},
	} {
		e.setAttr(a.ID, volume.Change{Size: &step.size})
		e.size(a.ID, step.size)
		e.content(a.ID, step.want)
		e.handleContent(h, step.want)
	}
}

func setTimes(e *env) {
	a := e.create(e.root(), "file", "content")
	modified, accessed := time.Unix(1_500_000_000, 0), time.Unix(1_600_000_000, 0)
	e.setAttr(a.ID, volume.Change{ModTime: &modified, AccessTime: &accessed})
	e.times(a.ID, modified, accessed)
	modified = time.Unix(1_400_000_000, 0)
	e.setAttr(a.ID, volume.Change{ModTime: &modified})
	e.times(a.ID, modified, accessed)
	accessed = time.Unix(1_700_000_000, 0)
	e.setAttr(a.ID, volume.Change{AccessTime: &accessed})
	e.times(a.ID, modified, accessed)
}

// times allows a zero access time, for which the modification time stands.
func (e *env) times(id volume.ID, modified, accessed time.Time) {
	e.Helper()
	a := e.stat(id)
	if !a.ModTime.Equal(modified) {
		e.Errorf("the modification time is %v, want %v", a.ModTime, modified)
	}
	if !a.AccessTime.IsZero() && !a.AccessTime.Equal(accessed) {
		e.Errorf("the access time is %v, want %v", a.AccessTime, accessed)
	}
}

// setNothing changes one attribute at a time and compares the others.
func setNothing(e *env) {
	a := e.create(e.root(), "file", "content")
	long := time.Unix(1_500_000_000, 0)
	e.setAttr(a.ID, volume.Change{Perm: new(fs.FileMode(0o640)), UID: new(uint32(1)), GID: new(uint32(2)), ModTime: &long})
	for _, c := range []volume.Change{{}, {Perm: new(fs.FileMode(0o640))}, {UID: new(uint32(1))}, {GID: new(uint32(2))}, {AccessTime: &long}} {
		before := e.stat(a.ID)
		e.setAttr(a.ID, c)
		after := e.stat(a.ID)
		if !sameAttr(before, after) {
			e.Errorf("after the change %+v, the file is %+v, want %+v", c, after, before)
		}
	}
	e.content(a.ID, "content")
}

// sameAttr compares all but the times of access and change.
func sameAttr(a, b volume.Attr) bool {
	return a.ID == b.ID && a.Mode == b.Mode && a.Size == b.Size && a.UID == b.UID && a.GID == b.GID &&
		a.Links == b.Links && a.ModTime.Equal(b.ModTime)
}

func setDirectory(e *env) {
	dir := e.mkdir(e.root(), "dir")
	e.create(dir, "child", "")
	e.setAttr(dir, volume.Change{Perm: new(fs.ModeSticky | 0o770), UID: new(uint32(8)), GID: new(uint32(9))})
	a := e.stat(dir)
	e.owner(a, 8, 9)
	if want := fs.ModeDir | fs.ModeSticky | 0o770; a.Mode != want {
		e.Errorf("the directory has mode %v, want %v", a.Mode, want)
	}
	e.has(dir, "child")
}

// setAllOrNothing asks for what can be done beside what can not: a size that
// no file has, and one of a directory.
func setAllOrNothing(e *env) {
	root := e.root()
	ids := []volume.ID{e.create(root, "file", "content").ID, e.mkdir(root, "dir")}
	for i, size := range []int64{1<<63 - 1, 10} {
		before := e.stat(ids[i])
		err := e.w().SetAttr(e.ctx, ids[i], volume.Change{Perm: new(fs.FileMode(0o601)), Size: &size})
		after := e.stat(ids[i])
		switch all := after.Mode.Perm() == 0o601 && after.Size == size; {
		case err == nil && !all:
			e.Errorf("SetAttr succeeded, and the file is %+v", after)
		case err != nil && !sameAttr(before, after):
			e.Errorf("SetAttr failed (%v), and the file is %+v, want %+v as before", err, after, before)
		}
	}
}
