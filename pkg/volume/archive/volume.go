package archive

import (
	"cmp"
	"context"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"syscall"

	"github.com/directfs/runsc/pkg/volume"
)

// Syscalls is what [volume.Backend.Syscalls] needs, where the archive is an
// os.File.
var Syscalls = []string{"unlinkat"}

// tree is a volume.
type tree struct {
	nodes []*node
	close func() error
	cache *cache // of a zip
}

var _ volume.LinkReader = (*tree)(nil)

func (t *tree) node(id volume.ID) (*node, error) {
	i, err := strconv.Atoi(string(id))
	if err != nil || i < 0 || i >= len(t.nodes) {
		return nil, fs.ErrNotExist
	}
	return t.nodes[i], nil
}

func (t *tree) dir(id volume.ID) (*node, error) {
	n, err := t.node(id)
	if err == nil && !n.mode.IsDir() {
		err = syscall.ENOTDIR
	}
	return n, err
}

func (n *node) attr() volume.Attr {
	return volume.Attr{
		ID: n.id, Mode: n.mode, Size: n.size, UID: n.owner.UID, GID: n.owner.GID,
		Links: n.links, ModTime: n.modTime,
	}
}

func (t *tree) Root(context.Context) (volume.Attr, error) { return t.nodes[0].attr(), nil }

func (t *tree) Stat(_ context.Context, id volume.ID) (volume.Attr, error) {
	n, err := t.node(id)
	if err != nil {
		return volume.Attr{}, err
	}
	return n.attr(), nil
}

// search is where a name is in a directory, or would be.
func (n *node) search(name string) (int, bool) {
	return slices.BinarySearchFunc(n.children, name, func(c child, name string) int { return cmp.Compare(c.name, name) })
}

func (t *tree) Lookup(_ context.Context, dir volume.ID, name string) (volume.Attr, error) {
	d, err := t.dir(dir)
	if err != nil {
		return volume.Attr{}, err
	}
	i, ok := d.search(name)
	if !ok {
		return volume.Attr{}, fs.ErrNotExist
	}
	return d.children[i].attr(), nil
}

func (t *tree) ReadDir(_ context.Context, dir volume.ID, after string, limit int) ([]volume.Entry, error) {
	d, err := t.dir(dir)
	if err != nil {
		return nil, err
	}
	i, found := d.search(after)
	if found {
		i++
	}
	rest := d.children[i:]
	if limit > 0 && limit < len(rest) {
		rest = rest[:limit]
	}
	page := make([]volume.Entry, len(rest))
	for i, c := range rest {
		page[i] = volume.Entry{Name: c.name, ID: c.id, Type: c.mode.Type()}
	}
	return page, nil
}

func (t *tree) ReadLink(_ context.Context, id volume.ID) (string, error) {
	n, err := t.node(id)
	if err == nil && n.mode.Type() != fs.ModeSymlink {
		err = syscall.EINVAL
	}
	if err != nil {
		return "", err
	}
	return n.target, nil
}

func (t *tree) Open(ctx context.Context, id volume.ID, how volume.OpenHow) (volume.Handle, error) {
	n, err := t.node(id)
	switch {
	case err != nil:
		return nil, err
	case how.Write:
		return nil, syscall.EROFS
	case n.mode.IsDir():
		return nil, syscall.EISDIR
	case n.open == nil:
		return nil, syscall.ELOOP
	}
	return n.open(ctx)
}

func (t *tree) Close(context.Context) error { return t.close() }

// section is a file that is read where it is in the archive.
type section struct{ r *io.SectionReader }

func inPlace(r io.ReaderAt, off, size int64) func(context.Context) (volume.Handle, error) {
	return func(context.Context) (volume.Handle, error) {
		return section{io.NewSectionReader(r, off, size)}, nil
	}
}

// ReadAt fails, rather than make the file shorter, where the archive ends early.
func (s section) ReadAt(_ context.Context, p []byte, off int64) (int, error) {
	n, err := s.r.ReadAt(p, off)
	if err == io.EOF && off+int64(n) < s.r.Size() {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (s section) Close(context.Context) error { return nil }
