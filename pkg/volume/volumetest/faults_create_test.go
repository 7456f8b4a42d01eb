package volumetest

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"syscall"

	"github.com/directfs/runsc/pkg/volume"
)

// created replaces Create by one that changes what it is asked for, and what it
// returns.
func (f *faulty) created(before func(n *volume.NewFile, how *volume.OpenHow), after func(name string, a *volume.Attr)) {
	f.create = func(ctx context.Context, dir volume.ID, name string, n volume.NewFile, how volume.OpenHow) (volume.Attr, volume.WritableHandle, error) {
		before(&n, &how)
		a, h, err := f.Volume.Create(ctx, dir, name, n, how)
		after(name, &a)
		return a, h, err
	}
}

func sameNew(*volume.NewFile, *volume.OpenHow) {}
func sameFound(string, *volume.Attr)           {}

var createFaults = []fault{
	{"create/an-empty-regular-file", "size", func(f *faulty) {
		f.created(sameNew, func(_ string, a *volume.Attr) { a.Size = 4096 })
	}},
	{"create/its-handle-reads-and-writes", "writes only", func(f *faulty) {
		f.created(func(_ *volume.NewFile, how *volume.OpenHow) { how.Read = false }, sameFound)
	}},
	{"create/is-found-at-once", "when it is closed", func(f *faulty) {
		pending := map[volume.ID]bool{}
		f.created(sameNew, func(_ string, a *volume.Attr) { pending[a.ID] = true })
		f.handle = func(h *faultyHandle) {
			h.close = func(ctx context.Context) error {
				delete(pending, h.id)
				return h.handleOf.Close(ctx)
			}
		}
		f.listed(func(_ string, _ int, page []volume.Entry) []volume.Entry {
			return slices.DeleteFunc(page, func(e volume.Entry) bool { return pending[e.ID] })
		})
	}},
	{"create/permissions", "without setuid", func(f *faulty) {
		f.created(func(n *volume.NewFile, _ *volume.OpenHow) { n.Perm &= fs.ModePerm }, sameFound)
	}},
	{"create/owner", "root", func(f *faulty) {
		f.created(func(n *volume.NewFile, _ *volume.OpenHow) { n.UID, n.GID = 0, 0 }, sameFound)
	}},
	{"create/existing-name", "is opened and truncated", func(f *faulty) { f.create = f.createOrOpen }},
	{"create/ids-are-not-used-again", "IDs are names", func(f *faulty) {
		f.created(sameNew, func(name string, a *volume.Attr) { a.ID = volume.ID(name) })
	}},
	{"mkdir/an-empty-directory", "with a placeholder", func(f *faulty) {
		f.mkdir = func(ctx context.Context, dir volume.ID, name string, n volume.NewFile) (volume.Attr, error) {
			a, err := f.Volume.Mkdir(ctx, dir, name, n)
			if err == nil {
				f.Volume.Mkdir(ctx, a.ID, ".keep", n)
			}
			return a, err
		}
	}},
	{"mkdir/permissions-and-owner", "fixed", func(f *faulty) {
		f.mkdir = func(ctx context.Context, dir volume.ID, name string, _ volume.NewFile) (volume.Attr, error) {
			return f.Volume.Mkdir(ctx, dir, name, newFolder)
		}
	}},
	{"mkdir/existing-name", "succeeds", func(f *faulty) {
		f.mkdir = func(ctx context.Context, dir volume.ID, name string, n volume.NewFile) (volume.Attr, error) {
			return orExisting(f, dir, name)(f.Volume.Mkdir(ctx, dir, name, n))
		}
	}},
}

// createOrOpen is open(2) with O_CREAT and O_TRUNC, without O_EXCL.
func (f *faulty) createOrOpen(ctx context.Context, dir volume.ID, name string, n volume.NewFile, how volume.OpenHow) (volume.Attr, volume.WritableHandle, error) {
	a, h, err := f.Volume.Create(ctx, dir, name, n, how)
	if errors.Is(err, fs.ErrExist) {
		a, _ = f.Volume.Lookup(ctx, dir, name)
		how.Truncate = true
		old, err := f.Volume.Open(ctx, a.ID, how)
		if err != nil {
			return a, nil, err
		}
		return a, old.(volume.WritableHandle), nil
	}
	return a, h, err
}

// orExisting turns fs.ErrExist into success.
func orExisting(f *faulty, dir volume.ID, name string) func(volume.Attr, error) (volume.Attr, error) {
	return func(a volume.Attr, err error) (volume.Attr, error) {
		if errors.Is(err, fs.ErrExist) {
			return f.Volume.Lookup(context.Background(), dir, name)
		}
		return a, err
	}
}

// diesWhen makes reads of a handle fail when its file is no longer what it was.
func (f *faulty) diesWhen(dead func(id volume.ID) bool) {
	f.handle = func(h *faultyHandle) {
		h.readAt = func(ctx context.Context, p []byte, off int64) (int, error) {
			if dead(h.id) {
				return 0, fs.ErrNotExist
			}
			return h.handleOf.ReadAt(ctx, p, off)
		}
	}
}

func (f *faulty) isRemoved(id volume.ID) bool {
	a, err := f.Volume.Stat(context.Background(), id)
	return err != nil || a.Links == 0
}

// diesByRename makes handles fail after a rename of one of the files.
func diesByRename(f *faulty) {
	renamed := false
	f.rename = func(ctx context.Context, oldDir volume.ID, oldName string, newDir volume.ID, newName string, noReplace bool) error {
		renamed = true
		return f.Volume.Rename(ctx, oldDir, oldName, newDir, newName, noReplace)
	}
	f.diesWhen(func(volume.ID) bool { return renamed })
}

var openFileFaults = []fault{
	{"open-file/goes-on-when-removed", "reads are by name", func(f *faulty) { f.diesWhen(f.isRemoved) }},
	{"open-file/stat-when-removed", "stat is by name", func(f *faulty) {
		f.stat = func(ctx context.Context, id volume.ID) (volume.Attr, error) {
			a, err := f.Volume.Stat(ctx, id)
			if a.Links == 0 {
				return volume.Attr{}, fs.ErrNotExist
			}
			return a, err
		}
	}},
	{"open-file/goes-on-when-renamed", "reads are by name", diesByRename},
	{"open-file/goes-on-when-replaced", "reads are by name", func(f *faulty) { f.diesWhen(f.isRemoved) }},
	{"open-file/goes-on-when-its-directory-is-renamed", "reads are by path", diesByRename},
	{"open-file/removed-name-is-free", "busy until closed", func(f *faulty) {
		f.create = func(ctx context.Context, dir volume.ID, name string, n volume.NewFile, how volume.OpenHow) (volume.Attr, volume.WritableHandle, error) {
			a, h, err := f.Volume.Create(ctx, dir, name, n, how)
			if a.ID == "3" {
				err = syscall.EBUSY
			}
			return a, h, err
		}
	}},
}

// removing replaces Remove by one that knows what has the name.
func (f *faulty) removing(remove func(ctx context.Context, dir volume.ID, name string, directory bool, a volume.Attr) error) {
	f.remove = func(ctx context.Context, dir volume.ID, name string, directory bool) error {
		a, _ := f.Volume.Lookup(ctx, dir, name)
		return remove(ctx, dir, name, directory, a)
	}
}

// removeAny ignores which type was asked for.
func removeAny(f *faulty) {
	f.removing(func(ctx context.Context, dir volume.ID, name string, _ bool, a volume.Attr) error {
		return f.Volume.Remove(ctx, dir, name, a.Mode.IsDir())
	})
}

// removeAll removes what is in a directory too.
func (f *faulty) removeAll(ctx context.Context, dir volume.ID, name string) error {
	a, err := f.Volume.Lookup(ctx, dir, name)
	if err != nil {
		return nil
	}
	entries, _ := f.Volume.ReadDir(ctx, a.ID, "", 1000)
	for _, e := range entries {
		f.removeAll(ctx, a.ID, e.Name)
	}
	return f.Volume.Remove(ctx, dir, name, a.Mode.IsDir())
}

var removeFaults = []fault{
	{"remove/a-file", "nothing happens", func(f *faulty) {
		f.remove = func(context.Context, volume.ID, string, bool) error { return nil }
	}},
	{"remove/an-empty-directory", "not permitted", func(f *faulty) {
		f.removing(func(ctx context.Context, dir volume.ID, name string, directory bool, _ volume.Attr) error {
			if directory {
				return syscall.EPERM
			}
			return f.Volume.Remove(ctx, dir, name, directory)
		})
	}},
	{"remove/a-directory-that-is-not-empty", "recursive", func(f *faulty) {
		f.remove = func(ctx context.Context, dir volume.ID, name string, _ bool) error {
			return f.removeAll(ctx, dir, name)
		}
	}},
	{"remove/a-file-as-a-directory", "any type", removeAny},
	{"remove/a-directory-as-a-file", "any type", removeAny},
	{"remove/a-missing-name", "succeeds", func(f *faulty) {
		f.remove = func(ctx context.Context, dir volume.ID, name string, _ bool) error {
			return f.removeAll(ctx, dir, name)
		}
	}},
}
