package blob

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"golang.org/x/sync/errgroup"

	"github.com/directfs/runsc/pkg/volume/blob/internal/ids"
	"github.com/directfs/runsc/pkg/volume/blob/internal/names"
)

// runDir moves a directory, while no other name is changed. All objects are
// copied before the first is deleted: an error up to then changes nothing, and a
// crash leaves both directories.
func (m *move) runDir(ctx context.Context) error {
	if err := m.look(ctx); err != nil || m.onItself {
		return err
	}
	if !m.old.dir {
		return fs.ErrNotExist // somebody put a file in its place
	}
	from, to := m.old.key, m.to+m.newName+"/"
	inUse, release, err := m.v.holdBelow(ctx, from)
	if err != nil {
		return err
	}
	defer release()
	objects, more, err := m.v.s.list(ctx, from, true, m.v.c.RenameObjects)
	switch {
	case err != nil:
		return err
	case more:
		return fmt.Errorf("directory %q has more than %d objects: %w", from, m.v.c.RenameObjects, syscall.EXDEV)
	case len(objects) == 0:
		return fs.ErrNotExist
	}
	if err := m.free(ctx, to); err != nil {
		return err
	}
	if err := m.v.keepParent(ctx, m.from, m.oldName); err != nil {
		return err
	}
	now, err := m.copyAll(ctx, objects, from, to, inUse)
	if err != nil {
		return err
	}
	if err := m.v.deleteAll(ctx, objects, func(o object) string { return o.key }); err != nil {
		m.v.lists.forget(m.from)
		m.v.lists.forget(to)
		return fmt.Errorf("both directories are there: %w", err)
	}
	m.movedDir(objects, from, to, inUse, now)
	return nil
}

// holdBelow uploads what is not in the store of a directory, and takes busy of
// its files that are in use.
func (v *writable) holdBelow(ctx context.Context, dir string) (held map[string]*inode, release func(), err error) {
	held = map[string]*inode{}
	v.mu.Lock()
	var below []*inode
	for key, in := range v.byKey {
		if strings.HasPrefix(key, dir) {
			in.pins.Add(1)
			below = append(below, in)
		}
	}
	v.mu.Unlock()
	release = func() {
		for _, in := range held {
			in.doneMoving()
		}
		for _, in := range below {
			in.unpin()
		}
	}
	for _, in := range below {
		err := in.sync(ctx)
		if err == nil {
			err = in.busy.lock(ctx)
		}
		if err != nil {
			release()
			return nil, nil, err
		}
		in.setMoving(true)
		held[in.keyNow()] = in
	}
	return held, release, nil
}

// copyAll copies objects, or removes the copies again. It returns the versions of
// those that are in use.
func (m *move) copyAll(ctx context.Context, objects []object, from, to string, inUse map[string]*inode) (map[string]version, error) {
	now := make(map[string]version, len(inUse))
	versions := make([]version, len(objects))
	tried := make([]bool, len(objects)) // of the others there is no copy
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(m.v.c.Requests)
	for i, o := range objects {
		key := to + strings.TrimPrefix(o.key, from)
		g.Go(func() error {
			if err := cmp.Or(gctx.Err(), checkKey(key)); err != nil {
				return err
			}
			tried[i] = true
			if err := m.v.s.copy(gctx, key, o.key, o.size); err != nil || inUse[o.key] == nil {
				return err
			}
			source, err := m.v.s.attributes(gctx, o.key)
			if err != nil {
				return err
			}
			versions[i], err = m.copied(gctx, source, key)
			tried[i] = !isConflict(err) // then it is another's, and stays
			return err
		})
	}
	err := g.Wait()
	if err == nil {
		err = m.unchanged(ctx, from, objects)
	}
	if err != nil {
		var copies []object
		for i, o := range objects {
			if tried[i] {
				copies = append(copies, o)
			}
		}
		undo := m.v.deleteAll(context.WithoutCancel(ctx), copies, func(o object) string { return to + strings.TrimPrefix(o.key, from) })
		m.v.lists.forget(to)
		return nil, errors.Join(err, undo)
	}
	for i, o := range objects {
		if in := inUse[o.key]; in != nil && in.isOf(o.version) {
			now[o.key] = versions[i]
		}
	}
	return now, nil
}

// free asks the store whether the target has no objects, and does not believe a
// listing: what is there would be overwritten, and deleted if a copy fails.
func (m *move) free(ctx context.Context, to string) error {
	there, _, err := m.v.s.list(ctx, to, true, 2)
	switch {
	case err != nil || len(there) == 0 || len(there) == 1 && there[0].key == to && !m.noReplace:
		return err
	case m.noReplace:
		err = fs.ErrExist
	default:
		err = syscall.ENOTEMPTY
	}
	m.v.lists.forget(to)
	m.v.lists.forget(m.to)
	return err
}

// unchanged is ESTALE where another writer changed an object since it was listed:
// perhaps that is not what was copied, and it must not be deleted.
func (m *move) unchanged(ctx context.Context, from string, objects []object) error {
	again, _, err := m.v.s.list(ctx, from, true, m.v.c.RenameObjects)
	if err != nil {
		return err
	}
	now := make(map[string]version, len(again))
	for _, o := range again {
		now[o.key] = o.version
	}
	for _, o := range objects {
		if got, ok := now[o.key]; !ok || !o.same(got) {
			m.v.lists.forget(from)
			return m.v.s.replaced(RequestCopy, o.key, o.version, got)
		}
	}
	return nil
}

func (v *tree) deleteAll(ctx context.Context, objects []object, key func(object) string) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(v.c.Requests)
	for _, o := range objects {
		g.Go(func() error { return v.s.delete(ctx, key(o)) })
	}
	return g.Wait()
}

// movedDir gives everything in memory the new keys.
func (m *move) movedDir(objects []object, from, to string, inUse map[string]*inode, now map[string]version) {
	v := m.v
	moved := map[string]byte{from: ids.Dir}
	for _, o := range objects {
		if o.key == from {
			continue
		}
		if !strings.HasSuffix(o.key, "/") || o.size > 0 {
			moved[o.key] = ids.File
		}
		for dir, _ := names.Split(o.key, false); dir != from; dir, _ = names.Split(dir, true) {
			moved[dir] = ids.Dir
		}
		if inUse[o.key] == nil {
			v.outdate(o.key)
		}
	}
	for key, in := range inUse {
		if n, ok := now[key]; ok {
			v.rekey(in, key, to+strings.TrimPrefix(key, from), n)
			delete(moved, key)
		} else {
			v.retire(in, key, in.state()) // somebody else removed or replaced it
		}
	}
	v.ids.MoveTree(from, to, moved)
	v.lists.forget(from)
	v.lists.forget(to)
	v.lists.set(m.from, entry{name: m.oldName, absent: true})
	v.lists.set(m.to, entry{name: m.newName, key: to, dir: true})
}
