package volume

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"syscall"
	"unicode/utf8"

	"github.com/directfs/runsc/pkg/volume/internal/paging"
)

// RootFSSyscalls is what [Backend.Syscalls] needs for FromFS on the FS of an
// [os.Root], whose first file may be the one for which the Go runtime begins to
// poll. A file system in memory ([embed.FS], testing/fstest.MapFS) needs nothing.
var RootFSSyscalls = []string{"epoll_create1", "eventfd2", "fstat", "getdents64", "readlinkat"}

// FSOption changes what FromFS makes of a file system.
type FSOption func(*fsVolume)

// Owner is the owner of all files, 0:0 without it: an [fs.FS] knows none.
func Owner(uid, gid uint32) FSOption {
	return func(v *fsVolume) { v.uid, v.gid = uid, gid }
}

// Permissions replaces the permissions of all files, and of all directories.
func Permissions(file, dir fs.FileMode) FSOption {
	return func(v *fsVolume) {
		v.perm = func(m fs.FileMode) fs.FileMode {
			if m.IsDir() {
				return dir.Perm()
			}
			return file.Perm()
		}
	}
}

// FromFS makes a read-only volume of any file system, which stays the caller's
// to close. It should not change while it is served: the ID of a file is its
// path.
//
// Symbolic links are links where the file system is an [fs.ReadLinkFS]. The bits
// fs.ModeSetuid and fs.ModeSetgid are left out, because the owner whose rights
// they give away is not known. Devices, sockets and pipes are listed; to open one
// is syscall.ENXIO. A name that is not valid UTF-8 is syscall.EILSEQ, because
// [fs.ValidPath] knows none.
//
// A file that is an [io.ReaderAt] is read at any place, one that is an
// [io.Seeker] after seeking. Another, such as a compressed member of a zip, is
// read from its beginning: going back opens it again, unless what is wanted is
// among the last 64 MiB that were read of all such files. Of a directory, the
// names are in memory while it is listed.
//
// For a directory of the host that is writable or not trusted, use the package
// hostdir. [os.DirFS] follows symbolic links out of its tree; it also looks its
// path up anew for each file, which a gofer cannot do, since it has given up the
// host's files by then. What works in a gofer is the FS of an [os.Root] that was
// opened in [Source.Open]; it needs RootFSSyscalls.
func FromFS(fsys fs.FS, o ...FSOption) Volume {
	v := &fsVolume{fsys: fsys, perm: fs.FileMode.Perm, blocks: newBlockCache(streamBlocks)}
	for _, set := range o {
		set(v)
	}
	if links, ok := fsys.(fs.ReadLinkFS); ok {
		return fsLinkVolume{v, links}
	}
	return v
}

type fsVolume struct {
	fsys     fs.FS
	uid, gid uint32
	perm     func(fs.FileMode) fs.FileMode // of a mode with type bits
	pages    paging.Pages[Entry]
	blocks   *blockCache
}

type fsLinkVolume struct {
	*fsVolume
	links fs.ReadLinkFS
}

const fsRoot ID = "."

// childID is the path of a name in a directory. It is not cleaned: that would
// hide what a directory lists.
func childID(dir ID, name string) ID {
	if dir == fsRoot {
		return ID(name)
	}
	return dir + "/" + ID(name)
}

func (v *fsVolume) Root(ctx context.Context) (Attr, error) {
	a, err := v.Stat(ctx, fsRoot)
	if err == nil && !a.Mode.IsDir() {
		return Attr{}, fmt.Errorf("the root of the file system: %w", syscall.ENOTDIR)
	}
	return a, err
}

func (v *fsVolume) Lookup(ctx context.Context, dir ID, name string) (Attr, error) {
	a, err := v.Stat(ctx, childID(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return Attr{}, cmp.Or(v.isDir(dir), err)
	}
	return a, err
}

func (v *fsVolume) Stat(_ context.Context, id ID) (Attr, error) {
	info, err := v.lstat(id)
	if err != nil {
		return Attr{}, err
	}
	a := Attr{
		ID:   id,
		Mode: info.Mode().Type() | v.perm(info.Mode()) | info.Mode()&fs.ModeSticky,
		Size: info.Size(), UID: v.uid, GID: v.gid, ModTime: info.ModTime(),
	}
	if a.Mode.Type() == fs.ModeSymlink {
		return a, v.sizeOfLink(&a)
	}
	return a, nil
}

func (v *fsVolume) lstat(id ID) (fs.FileInfo, error) {
	if !utf8.ValidString(string(id)) {
		return nil, &fs.PathError{Op: "lstat", Path: string(id), Err: syscall.EILSEQ}
	}
	if !fs.ValidPath(string(id)) {
		return nil, &fs.PathError{Op: "lstat", Path: string(id), Err: fs.ErrNotExist}
	}
	return fs.Lstat(v.fsys, string(id))
}

// sizeOfLink asks for the target: not every file system has its length as size.
func (v *fsVolume) sizeOfLink(a *Attr) error {
	links, ok := v.fsys.(fs.ReadLinkFS)
	if !ok {
		return nil
	}
	target, err := links.ReadLink(string(a.ID))
	a.Size = int64(len(target))
	return err
}

func (v *fsVolume) isDir(id ID) error {
	info, err := v.lstat(id)
	if err == nil && !info.IsDir() {
		err = &fs.PathError{Op: "readdir", Path: string(id), Err: syscall.ENOTDIR}
	}
	return err
}

func (v *fsVolume) ReadDir(_ context.Context, dir ID, after string, limit int) ([]Entry, error) {
	entries, ok := v.pages.Take(string(dir), after)
	if !ok {
		all, err := v.list(dir)
		if err != nil {
			return nil, err
		}
		entries = all[firstAfter(all, after):]
	}
	if limit > 0 && limit < len(entries) {
		v.pages.Keep(string(dir), entries[limit-1].Name, entries[limit:])
		entries = entries[:limit]
	}
	return entries, nil
}

func (v *fsVolume) list(dir ID) ([]Entry, error) {
	if err := v.isDir(dir); err != nil {
		return nil, err
	}
	list, err := fs.ReadDir(v.fsys, string(dir))
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, len(list))
	for i, e := range list {
		entries[i] = Entry{Name: e.Name(), ID: childID(dir, e.Name()), Type: e.Type()}
	}
	slices.SortFunc(entries, func(a, b Entry) int { return cmp.Compare(a.Name, b.Name) })
	return entries, nil
}

// firstAfter is the index of the first entry whose name is greater.
func firstAfter(sorted []Entry, after string) int {
	if after == "" {
		return 0 // an empty name is listed too, for the caller to report
	}
	i, found := slices.BinarySearchFunc(sorted, after, func(e Entry, name string) int { return cmp.Compare(e.Name, name) })
	if found {
		i++
	}
	return i
}

func (v *fsVolume) Close(context.Context) error { return nil }

func (v fsLinkVolume) ReadLink(_ context.Context, id ID) (string, error) {
	info, err := v.lstat(id)
	if err != nil {
		return "", err
	}
	if info.Mode().Type() != fs.ModeSymlink {
		return "", &fs.PathError{Op: "readlink", Path: string(id), Err: syscall.EINVAL}
	}
	return v.links.ReadLink(string(id))
}
