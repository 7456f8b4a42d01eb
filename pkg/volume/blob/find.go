package blob

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/directfs/runsc/pkg/volume/blob/internal/ids"
	"github.com/directfs/runsc/pkg/volume/blob/internal/names"
)

// listing returns that of a directory. If the directory has more than most
// objects, it is not complete. Callers that ask at once share a request.
func (v *tree) listing(ctx context.Context, dir string, most int) (*listing, error) {
	for {
		n, f, mine := v.lists.join(dir)
		if n != nil {
			return n, nil
		}
		if mine {
			return v.fly(ctx, f, dir, most)
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		switch {
		case f.err == nil && (f.n.complete || most <= pageSize):
			return f.n, nil
		case f.err != nil && ctx.Err() == nil && !isCanceled(f.err):
			return nil, f.err
		}
	}
}

// isCanceled reports whether a request failed because of who asked for it.
func isCanceled(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

func (v *tree) fly(ctx context.Context, f *flight, dir string, most int) (*listing, error) {
	n := &listing{dir: dir, at: time.Now()}
	objects, more, err := v.s.list(ctx, dir, false, most)
	if err == nil {
		n.entries, n.marker = entriesOf(dir, objects)
		n.complete = !more
		if more {
			n.entries = map[string]entry{}
		}
	}
	v.lists.land(f, n, err)
	return n, err
}

// find returns the entry of a name, absent or not.
func (v *tree) find(ctx context.Context, dir, name string) (entry, error) {
	e, known, large := v.lists.get(dir, name)
	if known {
		return e, nil
	}
	if !large || names.IsSubstitute(name) {
		most := pageSize
		if names.IsSubstitute(name) {
			most = v.c.ListEntries
		}
		n, err := v.listing(ctx, dir, most)
		if err != nil || n.complete {
			return v.lists.entry(n, name), err
		}
	}
	if !names.Possible(name) { // stores refuse to be asked for some
		return entry{absent: true}, nil
	}
	return v.findAlone(ctx, dir, name)
}

// findAlone asks for one name in a directory that is too large for a listing.
func (v *tree) findAlone(ctx context.Context, dir, name string) (entry, error) {
	var file, below entry
	asked := time.Now()
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		a, err := v.s.attributes(gctx, dir+name)
		if isNotFound(err) {
			file.absent = true
			return nil
		} else if err != nil {
			return err
		}
		file = entry{key: dir + name, version: versionOf(a)}
		file.look(a.Metadata)
		return nil
	})
	g.Go(func() error {
		o, _, err := v.s.list(gctx, dir+name+"/", true, 1)
		below = entry{key: dir + name + "/", dir: true, absent: len(o) == 0}
		return err
	})
	if err := g.Wait(); err != nil {
		return entry{}, err
	}
	e := file
	if !below.absent { // as entriesOf has it, the directory has the name
		e = below
	}
	e.name = name
	v.lists.learn(dir, e, asked)
	return e, nil
}

// look notes the time that is kept in an object's metadata.
func (e *entry) look(metadata map[string]string) {
	e.looked, e.kept = true, parseTime(metadata[mtimeKey])
}

// findKey returns the entry of an object or of a directory other than the root.
func (v *tree) findKey(ctx context.Context, kind byte, key string) (dir string, e entry, err error) {
	dir, name := names.Split(key, kind == ids.Dir)
	for _, n := range []string{name, names.Substitute(name, key)} {
		if !names.Possible(n) && !names.IsSubstitute(n) {
			continue
		}
		e, err = v.find(ctx, dir, n)
		if err != nil || !e.absent && e.key == key {
			return dir, e, err
		}
	}
	return dir, entry{absent: true}, nil
}

// dirKey returns the key of a directory's identity.
func (v *tree) dirKey(id string) (string, error) {
	kind, key, ok := v.ids.Key(id)
	switch {
	case !ok:
		return "", fs.ErrNotExist
	case kind != ids.Dir:
		return "", syscall.ENOTDIR
	}
	return key, nil
}

// keepTime looks up an entry's kept time, where times are kept.
func (v *tree) keepTime(ctx context.Context, dir string, e entry) (entry, error) {
	if !v.c.KeepTimes || e.dir || e.looked || e.absent {
		return e, nil
	}
	asked := time.Now()
	a, err := v.s.attributes(ctx, e.key)
	if isNotFound(err) {
		v.lists.learn(dir, entry{name: e.name, absent: true}, asked)
	}
	if err != nil {
		return e, err
	}
	e.version = versionOf(a)
	e.look(a.Metadata)
	v.lists.learn(dir, e, asked)
	return e, nil
}

// full is the listing of a directory, however large it is, of which a part was read
// up to a name.
func (v *tree) full(ctx context.Context, dir, after string) (*listing, error) {
	if n := v.lists.begun(dir); n != nil && after != "" {
		return n, nil
	}
	n, err := v.listing(ctx, dir, v.c.ListEntries)
	if err == nil && !n.complete {
		return nil, fmt.Errorf("directory %q has more than %d objects, which is the limit of listings (long names count for more): %w",
			dir, v.c.ListEntries, syscall.EFBIG)
	}
	return n, err
}
