package hostdir

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/directfs/runsc/pkg/volume"
)

// Root implements volume.Volume.
func (v *Volume) Root(context.Context) (volume.Attr, error) { return v.identify(v.fd) }

// Lookup implements volume.Volume.
func (v *Volume) Lookup(_ context.Context, dir volume.ID, name string) (volume.Attr, error) {
	v.names.RLock()
	defer v.names.RUnlock()
	d, err := v.findDir(dir)
	if err != nil {
		return volume.Attr{}, err
	}
	defer d.close()
	a, fd, err := v.child(d.fd, name)
	if err != nil {
		return volume.Attr{}, err
	}
	unix.Close(fd)
	v.table.learn(d.node, name, a)
	return a, nil
}

// Stat implements volume.Volume.
func (v *Volume) Stat(_ context.Context, id volume.ID) (a volume.Attr, err error) {
	v.names.RLock()
	defer v.names.RUnlock()
	f, err := v.find(id)
	if err == nil {
		f.close()
		return f.Attr, nil
	}
	if h := v.openHandle(id, anyAccess); errors.Is(err, fs.ErrNotExist) && h != nil {
		return a, h.use(func(fd int) error { a, err = v.identify(fd); return err })
	}
	return a, err
}

// ReadLink implements volume.LinkReader.
func (v *Volume) ReadLink(_ context.Context, id volume.ID) (string, error) {
	v.names.RLock()
	defer v.names.RUnlock()
	f, err := v.find(id)
	if err != nil {
		return "", err
	}
	defer f.close()
	if f.Mode.Type() != fs.ModeSymlink {
		return "", unix.EINVAL
	}
	target := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(f.fd, "", target)
	return string(target[:max(n, 0)]), err
}

// ReadDir implements volume.Volume.
func (v *Volume) ReadDir(ctx context.Context, dir volume.ID, after string, limit int) ([]volume.Entry, error) {
	v.names.RLock()
	defer v.names.RUnlock()
	d, err := v.findDir(dir)
	if err != nil {
		return nil, err
	}
	defer d.close()
	names, ok := v.pages.Take(string(dir), after)
	if !ok {
		if names, err = v.list(d.fd, after); err != nil {
			return nil, err
		}
	}
	return v.page(ctx, d, names, limit)
}

// list returns the names in a directory that are greater than after, sorted.
func (v *Volume) list(dir int, after string) ([]string, error) {
	fd, err := v.openat(dir, ".", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "directory")
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	i, there := slices.BinarySearch(names, after)
	if there {
		i++
	}
	return names[i:], nil
}

// page looks names up until there are enough, and keeps the others for the next
// page. Names that are gone are no part of it.
func (v *Volume) page(ctx context.Context, d found, names []string, limit int) ([]volume.Entry, error) {
	if limit <= 0 {
		limit = len(names)
	}
	var page []volume.Entry
	for i, name := range names {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if len(page) == limit {
			v.pages.Keep(string(d.ID), page[limit-1].Name, names[i:])
			break
		}
		e, err := v.entry(d, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		page = append(page, e)
	}
	return page, nil
}

func (v *Volume) entry(d found, name string) (volume.Entry, error) {
	a, fd, err := v.child(d.fd, name)
	if err == unix.EXDEV {
		return v.mountPoint(d.fd, name)
	}
	if err != nil {
		return volume.Entry{}, err
	}
	unix.Close(fd)
	v.table.learn(d.node, name, a)
	return volume.Entry{Name: name, ID: a.ID, Type: a.Mode.Type()}, nil
}

// mountPoint describes a name that leads out of the file system, without opening
// it.
func (v *Volume) mountPoint(dir int, name string) (volume.Entry, error) {
	var s unix.Statx_t
	err := unix.Statx(dir, name, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT, unix.STATX_BASIC_STATS, &s)
	if err != nil {
		return volume.Entry{}, err
	}
	a := v.attr(&s, volume.ID("mounted at "+name))
	return volume.Entry{Name: name, ID: a.ID, Type: a.Mode.Type()}, nil
}
