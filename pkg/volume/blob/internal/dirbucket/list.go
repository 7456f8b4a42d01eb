package dirbucket

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"

	"gocloud.dev/blob/driver"
	"golang.org/x/sys/unix"
)

const defaultPage = 1000

// lister collects a page of a listing. It meets the keys in their order.
type lister struct {
	*bucket
	o      *driver.ListOptions
	size   int
	after  string // the last key of the page before
	common string // the last common prefix; whatever begins with it is done
	page   driver.ListPage
}

// errFull ends a walk.
var errFull = errors.New("the page is full")

// ListPaged implements driver.Bucket.
func (b *bucket) ListPaged(_ context.Context, o *driver.ListOptions) (*driver.ListPage, error) {
	if o.BeforeList != nil {
		if err := o.BeforeList(nothing); err != nil {
			return nil, err
		}
	}
	l := &lister{bucket: b, o: o, size: cmp.Or(o.PageSize, defaultPage), after: string(o.PageToken)}
	if strings.HasPrefix(l.after, o.Prefix) {
		l.common = l.collapse(l.after)
	}
	path, key := start(o.Prefix)
	var err error
	if key != "" && key == o.Prefix {
		err = l.itself(key)
	}
	if err == nil {
		err = l.walk(path, key)
	}
	if errors.Is(err, errFull) {
		l.page.NextPageToken = []byte(l.page.Objects[l.size-1].Key)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ENOTDIR) {
		return nil, err
	}
	return &l.page, nil
}

// start returns the deepest directory that has all objects of a prefix, and the
// beginning of its keys.
func start(prefix string) (path, key string) {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] != '/' {
			continue
		}
		if p, ok := pathOf(prefix[:i+1] + "x"); ok && strings.HasSuffix(p, "/x") {
			return strings.TrimSuffix(p, "x"), prefix[:i+1]
		}
	}
	return "", ""
}

// collapse returns the common prefix that stands for a key, or "".
func (l *lister) collapse(key string) string {
	if l.o.Delimiter == "" {
		return ""
	}
	i := strings.Index(key[len(l.o.Prefix):], l.o.Delimiter)
	if i < 0 {
		return ""
	}
	return key[:len(l.o.Prefix)+i+len(l.o.Delimiter)]
}

// entry is a name in a directory with its key, which ends with a slash for a
// directory.
type entry struct {
	key string
	fs.DirEntry
}

// walk lists a directory: path and key are empty, or end with a slash.
func (l *lister) walk(path, key string) error {
	dir, err := l.open(cmp.Or(path, "."), unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer dir.Close()
	entries, err := entries(dir, path, key)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			err = l.directory(path+e.Name()+"/", e.key)
		} else {
			err = l.file(path+e.Name(), e.key, e.Info)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// entries returns what may be objects, or have some, in the order of their keys.
func entries(dir *os.File, path, key string) ([]entry, error) {
	names, err := dir.ReadDir(-1)
	var all []entry
	for _, n := range names {
		if !n.IsDir() && (!n.Type().IsRegular() || strings.HasSuffix(n.Name(), sidecar)) {
			continue
		}
		if k, ok := keyOf(path, key, n.Name(), n.IsDir()); ok {
			all = append(all, entry{k, n})
		}
	}
	slices.SortFunc(all, func(a, b entry) int {
		// The object "a/" is before "a//".
		return cmp.Or(strings.Compare(a.key, b.key), cmp.Compare(a.Type()&fs.ModeDir, b.Type()&fs.ModeDir))
	})
	return all, err
}

// directory lists one unless its keys are of no interest. One that is gone, or that
// may not be read, has none.
func (l *lister) directory(path, key string) error {
	switch {
	case !strings.HasPrefix(key, l.o.Prefix) && !strings.HasPrefix(l.o.Prefix, key),
		l.common != "" && strings.HasPrefix(key, l.common),
		key < l.after && !strings.HasPrefix(l.after, key):
		return nil
	}
	err := l.walk(path, key)
	for _, gone := range []error{fs.ErrNotExist, fs.ErrPermission, unix.ENOTDIR, ErrLink} {
		if errors.Is(err, gone) {
			return nil
		}
	}
	return err
}

// itself lists the object of a key with a slash at the end. It is not in the
// directory that has the objects below.
func (l *lister) itself(key string) error {
	path, ok := pathOf(key)
	if !ok {
		return nil
	}
	f, info, err := l.object(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrLink) || errors.Is(err, ErrSpecial) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	return l.file(path, key, func() (fs.FileInfo, error) { return info, nil })
}

func (l *lister) file(path, key string, stat func() (fs.FileInfo, error)) error {
	if !strings.HasPrefix(key, l.o.Prefix) || l.common != "" && strings.HasPrefix(key, l.common) {
		return nil
	}
	o := &driver.ListObject{Key: key, AsFunc: nothing}
	if common := l.collapse(key); common != "" {
		l.common = common
		o.Key, o.IsDir = common, true
	}
	if o.Key <= l.after {
		return nil
	}
	if len(l.page.Objects) == l.size {
		return errFull
	}
	if !o.IsDir {
		info, err := stat()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		o.Size, o.ModTime = info.Size(), info.ModTime()
		if a, err := l.attributes(path); err == nil {
			o.MD5 = a.MD5
		}
	}
	l.page.Objects = append(l.page.Objects, o)
	return nil
}
