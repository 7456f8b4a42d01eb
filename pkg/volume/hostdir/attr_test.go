package hostdir

import (
	"io/fs"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/directfs/runsc/pkg/volume"
)

func TestNewFileHasThePermissionsThatWereAsked(t *testing.T) {
	f := start(t, Options{})
	nf := mine
	nf.Perm = 0o777 | fs.ModeSetuid | fs.ModeSetgid
	a, h, err := f.Create(ctx, f.root, "file", nf, write)
	f.must(err)
	defer h.Close(ctx)
	if a.Mode != nf.Perm {
		t.Errorf("mode %v, want %v", a.Mode, nf.Perm)
	}
	nf.Perm = 0o777 | fs.ModeSticky
	if a, err := f.Mkdir(ctx, f.root, "dir", nf); err != nil || a.Mode != nf.Perm|fs.ModeDir {
		t.Errorf("mode %v, want %v", a.Mode, nf.Perm)
	}
	_, _, err = f.Create(ctx, f.root, "file", nf, write)
	f.is(err, fs.ErrExist)
}

func TestOwners(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root gives files to others")
	}
	f := start(t, Options{})
	nf := volume.NewFile{Perm: 0o755 | fs.ModeSetuid, UID: 1000, GID: 2000}
	a, h, err := f.Create(ctx, f.root, "file", nf, write)
	f.must(err)
	defer h.Close(ctx)
	if a.UID != 1000 || a.GID != 2000 || a.Mode != nf.Perm {
		t.Errorf("%+v", a)
	}
	link, err := f.Symlink(ctx, f.root, "link", "../anywhere", nf)
	f.must(err)
	if link.UID != 1000 || link.Size != int64(len("../anywhere")) {
		t.Errorf("%+v", link)
	}
	uid := uint32(3000)
	f.must(f.SetAttr(ctx, a.ID, volume.Change{UID: &uid}))
	if a, _ = f.Stat(ctx, a.ID); a.UID != 3000 || a.GID != 2000 || a.Mode != nf.Perm {
		t.Errorf("after a change of the user alone: %+v", a)
	}
}

func TestSquash(t *testing.T) {
	f := start(t, Options{Squash: &Owner{7, 8}})
	a, h, err := f.Create(ctx, f.root, "file", volume.NewFile{Perm: 0o600, UID: 1000}, write)
	f.must(err)
	defer h.Close(ctx)
	if a.UID != 7 || a.GID != 8 {
		t.Errorf("%+v", a)
	}
	uid := uint32(1000)
	f.is(f.SetAttr(ctx, a.ID, volume.Change{UID: &uid}), unix.EPERM)
	uid = 7
	f.must(f.SetAttr(ctx, a.ID, volume.Change{UID: &uid}))
	w, err := Open(f.dir, Options{Squash: &Owner{}})
	f.must(err)
	defer w.Close(ctx)
	if _, ok := w.(volume.RootDonor); ok {
		t.Error("a sandbox that opens the files itself would see other owners")
	}
}

func TestSetAttrChangesAllOrNothing(t *testing.T) {
	f := start(t, Options{})
	a, h := f.create(f.root, "file")
	h.WriteAt(ctx, []byte("content"), 0)
	before, err := f.Stat(ctx, a.ID)
	f.must(err)
	perm, then := fs.FileMode(0o600)|fs.ModeSetuid, time.Unix(1000, 5)
	tooLarge, negative := int64(1)<<62, int64(-1)
	c := volume.Change{Perm: &perm, ModTime: &then, AccessTime: &then}
	for _, c.Size = range []*int64{&tooLarge, &negative} {
		if err := f.SetAttr(ctx, a.ID, c); err == nil {
			t.Fatal("no error")
		}
		if got, _ := f.Stat(ctx, a.ID); got.Mode != before.Mode || !got.ModTime.Equal(before.ModTime) || got.Size != 7 {
			t.Errorf("%+v, want %+v", got, before)
		}
	}
	size := int64(10)
	c.Size = &size
	f.must(f.SetAttr(ctx, a.ID, c))
	if got, _ := f.Stat(ctx, a.ID); got.Mode != perm || !got.ModTime.Equal(then) || !got.AccessTime.Equal(then) || got.Size != 10 {
		t.Errorf("%+v", got)
	}
	b := make([]byte, 10)
	if _, err := h.ReadAt(ctx, b, 0); err != nil || string(b) != "content\x00\x00\x00" {
		t.Errorf("%q, %v", b, err)
	}
}

func TestExtendedAttributes(t *testing.T) {
	f := start(t, Options{})
	a, _ := f.create(f.root, "file")
	link, err := f.Symlink(ctx, f.root, "link", "file", mine)
	f.must(err)
	for _, name := range []string{"security.capability", "trusted.x", "system.posix_acl_access"} {
		_, err := f.GetXattr(ctx, a.ID, name)
		f.is(err, unix.ENOTSUP)
		f.is(f.SetXattr(ctx, a.ID, name, nil, false, false), unix.ENOTSUP)
		f.is(f.RemoveXattr(ctx, a.ID, name), unix.ENOTSUP)
	}
	_, err = f.GetXattr(ctx, a.ID, "user.x")
	f.is(err, unix.ENODATA)
	f.is(f.SetXattr(ctx, a.ID, "user.x", []byte("1"), false, true), unix.ENODATA)
	for _, id := range []volume.ID{a.ID, f.root} {
		f.must(f.SetXattr(ctx, id, "user.x", []byte("value"), true, false))
		f.is(f.SetXattr(ctx, id, "user.x", nil, true, false), fs.ErrExist)
		if value, err := f.GetXattr(ctx, id, "user.x"); err != nil || string(value) != "value" {
			t.Errorf("%q, %v", value, err)
		}
		if names, err := f.ListXattr(ctx, id); err != nil || len(names) != 1 || names[0] != "user.x" {
			t.Errorf("%q, %v", names, err)
		}
		f.must(f.RemoveXattr(ctx, id, "user.x"))
		f.is(f.RemoveXattr(ctx, id, "user.x"), unix.ENODATA)
	}
	f.is(f.SetXattr(ctx, link.ID, "user.x", nil, false, false), unix.EPERM)
	_, err = f.GetXattr(ctx, link.ID, "user.x")
	f.is(err, unix.ENODATA)
}

func TestAllocateAndUsage(t *testing.T) {
	f := start(t, Options{})
	a, h := f.create(f.root, "file")
	f.must(h.(volume.Allocator).Allocate(ctx, 0, 4096, true))
	if a, _ = f.Stat(ctx, a.ID); a.Size != 0 {
		t.Errorf("size %d, want 0", a.Size)
	}
	f.must(h.(volume.Allocator).Allocate(ctx, 0, 4096, false))
	if a, _ = f.Stat(ctx, a.ID); a.Size != 4096 {
		t.Errorf("size %d, want 4096", a.Size)
	}
	if u, err := f.Usage(ctx); err != nil || u.Bytes == 0 || u.FreeBytes > u.Bytes {
		t.Errorf("%+v, %v", u, err)
	}
}

// TestSquashGivesNoRightsAway: on the host, a new file belongs to whoever runs
// the volume, so that setuid would let the host's users run the guest's programs
// as that one.
func TestSquashGivesNoRightsAway(t *testing.T) {
	f := start(t, Options{Squash: &Owner{7, 8}})
	a, h, err := f.Create(ctx, f.root, "file", volume.NewFile{Perm: 0o755, UID: 7, GID: 8}, write)
	f.must(err)
	defer h.Close(ctx)
	for _, bit := range []fs.FileMode{fs.ModeSetuid, fs.ModeSetgid} {
		nf := volume.NewFile{Perm: 0o755 | bit, UID: 7, GID: 8}
		_, _, err := f.Create(ctx, f.root, "new", nf, write)
		f.is(err, unix.EPERM)
		f.is(f.SetAttr(ctx, a.ID, volume.Change{Perm: &nf.Perm}), unix.EPERM)
	}
	if s, err := os.Lstat(f.dir + "/file"); err != nil || s.Mode() != 0o755 {
		t.Errorf("on the host: %v, %v", s.Mode(), err)
	}
	if _, err := os.Lstat(f.dir + "/new"); !os.IsNotExist(err) {
		t.Errorf("a refused file is there: %v", err)
	}
	// Below a directory with setgid, the sentry makes others with it.
	_, err = f.Mkdir(ctx, f.root, "dir", volume.NewFile{Perm: 0o755 | fs.ModeSetgid, UID: 7, GID: 8})
	f.must(err)
}
