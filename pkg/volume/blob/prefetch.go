package blob

import (
	"context"

	"github.com/directfs/runsc/pkg/volume/blob/internal/names"
)

// Prefetch. Who opens one small file of a directory often opens its neighbours
// too, in the order of their names. So an open fetches some of those that follow,
// and the next ones more, as long as what was fetched is what is opened.
const (
	firstWindow = 16
	maxWindows  = 256 // directories that are followed
	maxJumps    = 4   // opens elsewhere after which the order counts as random
)

// window is the names of a directory that were fetched ahead: after from, up to
// to. When half is opened, it is time for more.
type window struct {
	from, half, to string
	size, jumps    int
}

// prefetch is called when an object is opened. It does not wait.
func (v *tree) prefetch(key string) {
	dir, name := names.Split(key, false)
	n := v.lists.complete(dir)
	if n == nil || v.c.PrefetchFiles <= 0 {
		return
	}
	count := v.advance(dir, name)
	if count == 0 {
		return
	}
	next := v.lists.page(n, name, count)
	v.moveWindow(dir, name, next)
	for _, e := range next {
		if !e.dir && e.size <= min(v.c.PrefetchObjectBytes, v.c.CacheObjectBytes) && !v.disk.Has(e.key) {
			v.fetchAhead(e)
		}
	}
}

// advance returns how many names after this one to fetch, zero while enough are.
func (v *tree) advance(dir, name string) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	w := v.ahead[dir]
	switch {
	case w == nil:
		v.forgetWindows()
		w = &window{size: firstWindow}
		v.ahead[dir] = w
	case name >= w.from && name < w.half:
		return 0
	case name >= w.from && name <= w.to:
		w.size, w.jumps = 2*w.size, 0
	default:
		w.size = firstWindow
		if w.jumps++; w.jumps > maxJumps {
			w.size = 1
		}
	}
	w.size = min(w.size, v.c.PrefetchFiles)
	return w.size
}

func (v *tree) moveWindow(dir, name string, next []entry) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if w := v.ahead[dir]; w != nil {
		w.from, w.half, w.to = name, name, name
		if len(next) > 0 {
			w.half, w.to = next[len(next)/2].name, next[len(next)-1].name
		}
	}
}

// forgetWindows makes room for one more. tree.mu is held.
func (v *tree) forgetWindows() {
	for dir := range v.ahead {
		if len(v.ahead) < maxWindows {
			return
		}
		delete(v.ahead, dir)
	}
}

// aheadAtMost is how many files may wait to be fetched ahead. What is opened in many
// directories could ask for more than is ever fetched.
func (c *Config) aheadAtMost() int64 { return int64(max(c.PrefetchFiles, 0) + 4*c.Requests) }

// fetchAhead fetches an object when its turn comes, if nobody did until then. It does
// nothing where too many wait.
func (v *tree) fetchAhead(e entry) {
	if v.queued.Add(1) > v.c.aheadAtMost() {
		v.queued.Add(-1)
		return
	}
	v.start(func(ctx context.Context) error {
		defer v.queued.Add(-1)
		if err := v.idle.Acquire(ctx, 1); err != nil {
			return err
		}
		defer v.idle.Release(1)
		if v.unsaved(e.key) != nil {
			return nil
		}
		t, mine := v.fetch(e.key, e.version)
		if t == nil {
			return nil
		}
		if mine {
			v.c.Observer.Cached(CachePrefetch)
		}
		return t.wait(ctx)
	})
}
