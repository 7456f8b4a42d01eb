package volumetest

import (
	"io/fs"
	"slices"
	"syscall"

	"github.com/directfs/runsc/pkg/volume"
)

var xattrChecks = []check{
	{"xattr/value", write | xattrWrite, xattrValue},
	{"xattr/list", write | xattrWrite, xattrList},
	{"xattr/create-only", write | xattrWrite, xattrCreate},
	{"xattr/replace-only", write | xattrWrite, xattrReplace},
	{"xattr/remove", write | xattrWrite, xattrRemove},
	{"xattr/missing", xattr, xattrMissing},
}

const userAttr = "user.volumetest"

func (e *env) xattrs() volume.XattrWriter { return e.v.(volume.XattrWriter) }

func (e *env) setXattr(id volume.ID, name, value string) {
	e.Helper()
	e.ok(e.xattrs().SetXattr(e.ctx, id, name, []byte(value), false, false), "SetXattr")
}

func (e *env) xattr(id volume.ID, name, want string) {
	e.Helper()
	got, err := e.xattrs().GetXattr(e.ctx, id, name)
	e.ok(err, "GetXattr")
	if string(got) != want {
		e.Errorf("%s is %q, want %q", name, got, want)
	}
}

func (e *env) noXattr(id volume.ID, name string) {
	e.Helper()
	_, err := e.v.(volume.XattrReader).GetXattr(e.ctx, id, name)
	e.fails(err, "GetXattr of what is not set", syscall.ENODATA)
}

func xattrValue(e *env) {
	root := e.root()
	for _, id := range []volume.ID{e.create(root, "file", "").ID, e.mkdir(root, "dir")} {
		for _, value := range []string{"value", "a longer value\x00with\xffbytes", "x", ""} {
			e.setXattr(id, userAttr, value)
			e.xattr(id, userAttr, value)
		}
	}
}

func xattrList(e *env) {
	a := e.create(e.root(), "file", "")
	want := []string{userAttr + ".a", userAttr + ".b"}
	for _, name := range want {
		e.setXattr(a.ID, name, "value of "+name)
	}
	names, err := e.xattrs().ListXattr(e.ctx, a.ID)
	e.ok(err, "ListXattr")
	for _, name := range want {
		if count(names, name) != 1 {
			e.Errorf("ListXattr returned %q, want %q in it once", names, name)
		}
		e.xattr(a.ID, name, "value of "+name)
	}
}

func xattrCreate(e *env) {
	a := e.create(e.root(), "file", "")
	e.ok(e.xattrs().SetXattr(e.ctx, a.ID, userAttr, []byte("old"), true, false), "SetXattr that creates")
	e.fails(e.xattrs().SetXattr(e.ctx, a.ID, userAttr, []byte("new"), true, false), "SetXattr that creates what exists", fs.ErrExist)
	e.xattr(a.ID, userAttr, "old")
}

func xattrReplace(e *env) {
	a := e.create(e.root(), "file", "")
	e.fails(e.xattrs().SetXattr(e.ctx, a.ID, userAttr, []byte("new"), false, true), "SetXattr that replaces nothing", syscall.ENODATA)
	e.noXattr(a.ID, userAttr)
	e.setXattr(a.ID, userAttr, "old")
	e.ok(e.xattrs().SetXattr(e.ctx, a.ID, userAttr, []byte("new"), false, true), "SetXattr that replaces")
	e.xattr(a.ID, userAttr, "new")
}

func xattrRemove(e *env) {
	a := e.create(e.root(), "file", "")
	e.fails(e.xattrs().RemoveXattr(e.ctx, a.ID, userAttr), "RemoveXattr of what is not set", syscall.ENODATA)
	e.setXattr(a.ID, userAttr, "value")
	e.ok(e.xattrs().RemoveXattr(e.ctx, a.ID, userAttr), "RemoveXattr")
	e.noXattr(a.ID, userAttr)
	names, err := e.xattrs().ListXattr(e.ctx, a.ID)
	e.ok(err, "ListXattr")
	if slices.Contains(names, userAttr) {
		e.Errorf("ListXattr returned %q, with the attribute that was removed", names)
	}
}

func xattrMissing(e *env) {
	e.each(func(_ string, a volume.Attr, _ fs.FileInfo) {
		if a.Mode.IsRegular() || a.Mode.IsDir() {
			e.noXattr(a.ID, "user.volumetest.missing")
		}
	})
}
