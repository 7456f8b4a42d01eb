package hostdir

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/directfs/runsc/pkg/volume"
)

func TestDirectoryThatBecomesALinkLeadsNowhere(t *testing.T) {
	f := start(t, Options{})
	outside := t.TempDir()
	f.must(os.WriteFile(filepath.Join(outside, "file"), []byte("secret"), 0o600))
	dir := f.mkdir(f.root, "dir")
	a, _ := f.create(dir, "file")
	f.must(os.Rename(filepath.Join(f.dir, "dir"), filepath.Join(f.dir, "away")))
	f.must(os.Symlink(outside, filepath.Join(f.dir, "dir")))

	_, err := f.Lookup(ctx, dir, "file")
	f.is(err, fs.ErrNotExist)
	again, err := f.Open(ctx, a.ID, write) // by the handle that is open
	f.must(err)
	f.must(again.Close(ctx))
	_, _, err = f.Create(ctx, dir, "new", mine, write)
	f.is(err, fs.ErrNotExist)
	f.is(f.Remove(ctx, dir, "file", false), fs.ErrNotExist)
	if got := f.lookup(f.root, "dir"); got.Mode.Type() != fs.ModeSymlink || got.ID == dir {
		t.Errorf("%+v, want a link with an ID of its own", got)
	}
	if names, _ := os.ReadDir(outside); len(names) != 1 {
		t.Errorf("outside there is now %v", names)
	}
	if got := f.lookup(f.root, "away"); got.ID != dir {
		t.Error("the directory has another ID where it is now")
	}
	if got := f.lookup(dir, "file"); got.ID != a.ID {
		t.Error("the file has another ID")
	}
}

func TestDirectoryThatBecomesALinkWithinIsNotFollowed(t *testing.T) {
	f := start(t, Options{})
	a, h := f.create(f.mkdir(f.root, "dir"), "file")
	f.must(h.Close(ctx))
	f.must(os.Rename(filepath.Join(f.dir, "dir"), filepath.Join(f.dir, "away")))
	f.must(os.Symlink("away", filepath.Join(f.dir, "dir")))
	_, err := f.Stat(ctx, a.ID)
	f.is(err, fs.ErrNotExist)
}

func TestLinksAreNotFollowed(t *testing.T) {
	f := start(t, Options{})
	f.must(os.Symlink("/etc", filepath.Join(f.dir, "link")))
	link := f.lookup(f.root, "link")
	if target, err := f.ReadLink(ctx, link.ID); err != nil || target != "/etc" {
		t.Errorf("%q, %v", target, err)
	}
	_, err := f.Lookup(ctx, link.ID, "passwd")
	f.is(err, unix.ENOTDIR)
	_, err = f.ReadDir(ctx, link.ID, "", 0)
	f.is(err, unix.ENOTDIR)
	_, err = f.Open(ctx, link.ID, read)
	f.is(err, unix.ELOOP)
	for _, name := range []string{"..", "../" + filepath.Base(f.dir), "/etc"} {
		if _, err := f.Lookup(ctx, f.root, name); err == nil {
			t.Errorf("%q was found", name)
		}
	}
}

func TestSpecialFilesAreListedAndNotOpened(t *testing.T) {
	f := start(t, Options{})
	f.must(unix.Mkfifo(filepath.Join(f.dir, "pipe"), 0o600))
	page, err := f.ReadDir(ctx, f.root, "", 0)
	f.must(err)
	if len(page) != 1 || page[0].Type != fs.ModeNamedPipe {
		t.Fatalf("%v", page)
	}
	_, err = f.Open(ctx, page[0].ID, read)
	f.is(err, unix.ENXIO)
	_, err = f.Open(ctx, f.root, read)
	f.is(err, unix.EISDIR)
}

func TestMountPointIsListedAndNotEntered(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root mounts")
	}
	f := start(t, Options{})
	dir := f.mkdir(f.root, "mounted")
	done := make(chan error)
	go func() {
		// The thread has a mount namespace of its own, and ends with the goroutine.
		runtime.LockOSThread()
		done <- mountHere(filepath.Join(f.dir, "mounted"), func() error {
			inside, err := Open(f.dir, Options{})
			if err != nil {
				return err
			}
			defer inside.Close(ctx)
			page, err := inside.ReadDir(ctx, f.root, "", 0)
			if err != nil || len(page) != 1 || !page[0].Type.IsDir() || page[0].ID == dir {
				t.Errorf("%v, %v", page, err)
			}
			if _, err = inside.Lookup(ctx, f.root, "mounted"); err != unix.EXDEV {
				t.Errorf("error %v, want EXDEV", err)
			}
			crossing, err := Open(f.dir, Options{CrossMounts: true})
			if err != nil {
				return err
			}
			defer crossing.Close(ctx)
			_, err = crossing.Lookup(ctx, f.root, "mounted")
			return err
		})
	}()
	f.must(<-done)
}

func mountHere(dir string, f func() error) error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, ""); err != nil {
		return err
	}
	return f()
}

func TestDonatedFileIsReadOnlyAndTheSame(t *testing.T) {
	f := start(t, Options{})
	a, h := f.create(f.root, "file")
	reader, err := f.Open(ctx, a.ID, read)
	f.must(err)
	defer reader.Close(ctx)
	for name, h := range map[string]any{"opened for reading": reader, "opened for both": h} {
		host := h.(volume.FileDonor).HostFile()
		flags, err := unix.FcntlInt(host.Fd(), unix.F_GETFL, 0)
		if err != nil || flags&unix.O_ACCMODE != unix.O_RDONLY {
			t.Errorf("%s: flags %#x, %v", name, flags, err)
		}
	}
	_, err = h.WriteAt(ctx, []byte("later"), 0)
	f.must(err)
	b := make([]byte, 5)
	if _, err := reader.(volume.FileDonor).HostFile().ReadAt(b, 0); err != nil || string(b) != "later" {
		t.Errorf("%q, %v", b, err)
	}
	f.must(h.Sync(ctx))
	writer, err := f.Open(ctx, a.ID, write)
	f.must(err)
	defer writer.Close(ctx)
	if writer.(volume.FileDonor).HostFile() != nil {
		t.Error("a handle that may not read donates")
	}
}

func TestRootIsDonated(t *testing.T) {
	dir := t.TempDir()
	w, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close(ctx)
	root, err := w.(volume.RootDonor).RootFile(ctx)
	if err != nil {
		t.Fatal(err)
	}
	got, err := root.Stat()
	want, _ := os.Stat(dir)
	if err != nil || !os.SameFile(got, want) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestOpenRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := Open(file, Options{}); err == nil {
		t.Error("a file was opened")
	}
	if _, err := OpenFile(f, Options{}); err == nil {
		t.Error("an open file was accepted")
	}
}

func TestFilesAreFoundWhileDirectoriesAreRenamed(t *testing.T) {
	f := start(t, Options{})
	dir := f.mkdir(f.mkdir(f.root, "a"), "dir")
	file, _ := f.create(dir, "file")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 300 {
				if a, err := f.Stat(ctx, file.ID); err != nil || a.ID != file.ID {
					t.Errorf("%+v, %v", a, err)
				}
				if _, err := f.Lookup(ctx, dir, "file"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 150 {
		f.must(f.Rename(ctx, f.root, "a", f.root, "b", false))
		f.must(f.Rename(ctx, f.root, "b", f.root, "a", false))
	}
	wg.Wait()
}
