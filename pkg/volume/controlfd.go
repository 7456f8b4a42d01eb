package volume

import (
	"context"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/abi/linux"
	"gvisor.dev/gvisor/pkg/lisafs"
)

// controlFD is a file that the sandbox refers to: in the sentry, an inode.
type controlFD struct {
	lisafs.ControlFD
	m    *Mount
	node *node
}

var _ lisafs.ControlFDImpl = (*controlFD)(nil)

// FD implements lisafs.ControlFDImpl.
func (fd *controlFD) FD() *lisafs.ControlFD { return &fd.ControlFD }

// Close implements lisafs.ControlFDImpl.
func (fd *controlFD) Close() {
	fd.m.nodes.release(fd.node)
	fd.m.files.give()
}

// Renamed implements lisafs.ControlFDImpl. A node is known by its ID, which stays.
func (fd *controlFD) Renamed() {}

// call makes a call to the volume, and turns its error into an Errno.
func call[T any](m *Mount, o op, fn func(context.Context) (T, error), late func(T)) (T, error) {
	v, err := attempt(m.calls, fn, late)
	return v, m.report.errno(o, err)
}

// takeFile makes room for one more control FD.
func (m *Mount) takeFile() error {
	if !m.files.take() {
		m.report.warn("sandbox refers to too many files", "limit", m.files.max)
		return unix.ENFILE
	}
	return nil
}

// adopt makes the control FD of a file that was found in this directory, and for
// which there is room. It gives that back if it fails.
func (fd *controlFD) adopt(o op, a Attr) (*controlFD, lisafs.Statx, error) {
	n, err := fd.m.nodes.acquire(a)
	if err != nil {
		fd.m.files.give()
		return nil, lisafs.Statx{}, fd.m.report.errno(o, err)
	}
	s := a.statx(n.number)
	child := &controlFD{m: fd.m, node: n}
	n.engine.IncRef() // for the control FD
	child.ControlFD.Init(fd.Conn(), &n.engine, linux.FileMode(s.Mode), child)
	return child, s, nil
}

// Stat implements lisafs.ControlFDImpl.
func (fd *controlFD) Stat() (lisafs.Statx, error) { return fd.m.stat(fd.node) }

// stat returns a file's attributes. For one that is not there any more they are
// what was known last, without links: the sandbox asks by an FD that it has, and
// fstat(2) works for files that were removed.
func (m *Mount) stat(n *node) (lisafs.Statx, error) {
	o := op{"stat", n.id, ""}
	a, err := attempt(m.calls, func(ctx context.Context) (Attr, error) {
		a, err := m.volume.Stat(ctx, n.id)
		return a, n.verify(a, err)
	}, nil)
	switch {
	case err == nil:
		n.remember(a)
		return a.statx(n.number), nil
	case toErrno(err) == unix.ENOENT:
		s := n.known().statx(n.number)
		s.Nlink = 0
		return s, nil
	}
	return lisafs.Statx{}, m.report.errno(o, err)
}

// verify checks that attributes can be those of a file that was asked for.
func (n *node) verify(a Attr, err error) error {
	if err != nil {
		return err
	}
	if err := a.check(); err != nil {
		return err
	}
	if a.ID != n.id {
		return broken("attributes of file %q were asked for, those of %q returned", n.id, a.ID)
	}
	if a.Mode.Type() != n.kind {
		return changedType(n, a.Mode.Type())
	}
	return nil
}

// Walk implements lisafs.ControlFDImpl.
func (fd *controlFD) Walk(name string) (*lisafs.ControlFD, lisafs.Statx, error) {
	if !fd.IsDir() {
		return nil, lisafs.Statx{}, unix.ENOTDIR
	}
	if err := checkName(name); err != nil {
		return nil, lisafs.Statx{}, err
	}
	if err := fd.m.takeFile(); err != nil {
		return nil, lisafs.Statx{}, err
	}
	o := op{"lookup", fd.node.id, name}
	a, err := call(fd.m, o, func(ctx context.Context) (Attr, error) {
		return fd.m.lookup(ctx, fd.node.id, name)
	}, nil)
	if err != nil {
		fd.m.files.give()
		return nil, lisafs.Statx{}, err
	}
	child, s, err := fd.adopt(o, a)
	if err != nil {
		return nil, s, err
	}
	return child.FD(), s, nil
}

// lookup asks the volume for a name.
func (m *Mount) lookup(ctx context.Context, dir ID, name string) (Attr, error) {
	a, err := m.volume.Lookup(ctx, dir, name)
	if err != nil {
		return Attr{}, err
	}
	return a, a.check()
}

// WalkStat implements lisafs.ControlFDImpl. The whole walk is one call, with one
// time limit.
func (fd *controlFD) WalkStat(path lisafs.StringArray, record func(lisafs.Statx)) error {
	if len(path) > 0 && path[0] == "" {
		s, err := fd.Stat()
		if err != nil {
			return err
		}
		record(s)
		path = path[1:]
	}
	if !fd.IsDir() || len(path) == 0 {
		return nil
	}
	for _, name := range path {
		if err := checkName(name); err != nil {
			return err
		}
	}
	found, err := call(fd.m, op{"lookup", fd.node.id, path[0]}, func(ctx context.Context) ([]Attr, error) {
		return fd.m.lookupPath(ctx, fd.node.id, path)
	}, nil)
	if err != nil {
		return err
	}
	return fd.m.recordAll(found, record)
}

// lookupPath returns what there is on a path, as far as it exists and is made of
// directories.
func (m *Mount) lookupPath(ctx context.Context, dir ID, path []string) ([]Attr, error) {
	found := make([]Attr, 0, len(path))
	for _, name := range path {
		a, err := m.lookup(ctx, dir, name)
		if err != nil && toErrno(err) == unix.ENOENT {
			break
		}
		if err != nil {
			return nil, err
		}
		found = append(found, a)
		if !a.Mode.IsDir() {
			break
		}
		dir = a.ID
	}
	return found, nil
}

func (m *Mount) recordAll(found []Attr, record func(lisafs.Statx)) error {
	for _, a := range found {
		number, err := m.nodes.observe(a)
		if err != nil {
			return m.report.errno(op{"lookup", a.ID, ""}, err)
		}
		record(a.statx(number))
	}
	return nil
}
