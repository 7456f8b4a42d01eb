package blob

import (
	"context"
	"errors"
	"syscall"

	"github.com/directfs/runsc/pkg/volume/blob/internal/disk"
)

// cached returns the cached file of an object, to be released, or fetches it. An
// error that isFull means that there is no room, and syscall.EFBIG that the object
// is too large: then it is read in ranges. With orNewer set, what is fetched need not
// be the version that is wanted.
func (v *tree) cached(ctx context.Context, key string, want version, orNewer bool) (*disk.File, version, error) {
	isWanted := func(got any) bool { return want.same(got.(version)) }
	isFetched := func(got any) bool { return orNewer || isWanted(got) }
	for range 3 {
		if f, got := v.disk.Acquire(key, isWanted); f != nil {
			v.c.Observer.Cached(CacheHit)
			return f, got.(version), nil
		}
		t, mine := v.fetch(key, want)
		if t == nil {
			continue
		}
		if mine {
			v.c.Observer.Cached(CacheMiss)
		}
		if err := t.wait(ctx); err != nil && !mine && ctx.Err() == nil {
			continue // another's failure
		} else if err != nil {
			return nil, version{}, err
		}
		if f, got := v.disk.Acquire(key, isFetched); f != nil {
			return f, got.(version), nil
		}
	}
	return nil, version{}, syscall.ENOSPC // evicted at once, or not to be had: read without the cache
}

// fetch begins to fetch an object into the cache, or joins who does. It returns nil
// if the object was cached meanwhile.
func (v *tree) fetch(key string, want version) (t *task, mine bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.disk.Has(key) {
		return nil, false
	}
	if t := v.fetches[key]; t != nil {
		return t, false
	}
	ready := make(chan struct{})
	t = v.start(func(ctx context.Context) error {
		<-ready
		return v.fill(ctx, t, key, want)
	})
	v.fetches[key] = t
	close(ready)
	return t, true
}

func (v *tree) fill(ctx context.Context, t *task, key string, want version) error {
	defer v.endFetch(t, key)
	w, err := v.disk.Fill()
	if err != nil {
		return err
	}
	got, err := v.s.download(ctx, key, want, v.c.CacheObjectBytes, w)
	if err != nil {
		w.Abort()
		return err
	}
	if want.same(got) {
		got = got.merge(want)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.fetches[key] != t { // this process changed the object meanwhile
		w.Abort()
		return nil
	}
	delete(v.fetches, key)
	w.Commit(key, got)
	return nil
}

func (v *tree) endFetch(t *task, key string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.fetches[key] == t {
		delete(v.fetches, key)
	}
}

// outdate forgets what is cached, or being fetched, of an object that this process
// changed.
func (v *tree) outdate(key string) {
	v.mu.Lock()
	delete(v.fetches, key)
	v.mu.Unlock()
	v.disk.Drop(key)
}

// load makes a file's content ready: in the cache where it is small enough.
func (in *inode) load(ctx context.Context) error {
	if in.localNow() {
		return nil
	}
	if err := in.busy.lock(ctx); err != nil {
		return err
	}
	defer in.busy.unlock()
	if in.file != nil {
		return nil
	}
	if in.size > in.v.c.CacheObjectBytes {
		return in.pin(ctx)
	}
	key := in.keyNow()
	f, got, err := in.v.cached(ctx, key, in.base, in.hasName())
	switch {
	case isFull(err) || errors.Is(err, syscall.EFBIG) || errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE):
		in.v.c.Logger.Warn("reading without the cache", "key", key, "error", err)
		return in.pin(ctx)
	case err != nil:
		return err
	}
	if !in.base.same(got) && !in.hasName() {
		f.Release() // the object of the name is another file's since
		return changedError(RequestRead, key, in.base, got)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.file, in.size = f, f.Size()
	if in.base.same(got) {
		got = in.base.merge(got)
	} else {
		in.v.seen(entryOf(key, got))
	}
	in.base = got
	in.epoch++
	return nil
}

// pin learns the ETag of an object that is read in ranges, which a listing does not
// have: without it, ranges of two objects of one size and second could be mixed.
func (in *inode) pin(ctx context.Context) error {
	if in.v.c.ReadIfMatch == nil || in.base.etag != "" || !in.exists {
		return nil
	}
	key := in.keyNow()
	a, err := in.v.s.attributes(ctx, key)
	if err != nil {
		return err
	}
	got := versionOf(a)
	if !in.base.same(got) {
		in.v.retire(in, key, in.state())
		return changedError(RequestAttributes, key, in.base, got)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.base = got
	return nil
}
