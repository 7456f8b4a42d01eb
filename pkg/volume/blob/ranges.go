package blob

import (
	"container/list"
	"context"
	"sync"
)

// Ranged reads. An object too large for the cache is read in chunks, which are
// kept in memory; who reads one after the other has more and more of them fetched
// ahead, and who reads here and there only what it asks for.
const (
	chunkBytes   = 1 << 20
	aheadChunks  = 8
	randomAtMost = 128 << 10
)

type chunkKey struct {
	in   *inode
	etag string
	size int64
	i    int64
}

type chunk struct {
	*task
	key   chunkKey
	data  []byte
	place *list.Element
}

// ranges is the chunks of all files of a volume.
type ranges struct {
	most int64

	mu     sync.Mutex
	used   int64
	chunks map[chunkKey]*chunk
	lru    *list.List
}

func newRanges(most int64) *ranges {
	return &ranges{most: most, chunks: map[chunkKey]*chunk{}, lru: list.New()}
}

// sequence finds out whether a handle is read in order.
type sequence struct {
	mu    sync.Mutex
	next  int64
	ahead int64
}

// read notes a read and returns how many chunks to fetch ahead, negative where
// reads are in no order. Reads of a sequence may arrive in a different one.
func (s *sequence) read(off, n int64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	near := off >= s.next-2*chunkBytes && off <= s.next+2*chunkBytes
	if !near {
		s.next, s.ahead = off+n, -1
		return -1
	}
	if off+n > s.next {
		s.next = off + n
	}
	s.ahead = min(max(2*s.ahead, 1), aheadChunks)
	return s.ahead
}

// read fills p from a version of a large object.
func (r *ranges) read(ctx context.Context, h *handle, base version, p []byte, off int64) (int, error) {
	ahead := h.seq.read(off, int64(len(p)))
	if ahead < 0 && len(p) <= randomAtMost {
		return r.direct(ctx, h.in, base, p, off)
	}
	done := 0
	for done < len(p) {
		at := off + int64(done)
		c, mine := r.get(h.in, base, at/chunkBytes)
		for i := int64(1); i <= ahead; i++ {
			r.get(h.in, base, at/chunkBytes+i)
		}
		if c != nil {
			err := c.wait(ctx)
			if err == nil {
				done += copy(p[done:], c.data[at%chunkBytes:])
				continue
			}
			if mine || ctx.Err() != nil {
				return done, err
			}
		}
		// No memory is left, or what was fetched ahead failed.
		n, err := r.direct(ctx, h.in, base, p[done:min(len(p), done+chunkBytes)], at)
		if done += n; err != nil {
			return done, err
		}
	}
	return done, nil
}

func (r *ranges) direct(ctx context.Context, in *inode, base version, p []byte, off int64) (int, error) {
	if err := in.readRange(ctx, base, p, off); err != nil {
		return 0, err
	}
	return len(p), nil
}

// readRange reads from the object, wherever a rename put it meanwhile.
func (in *inode) readRange(ctx context.Context, base version, p []byte, off int64) error {
	for {
		key := in.keyNow()
		err := in.v.s.read(ctx, key, base, p, off)
		if !isNotFound(err) && !isConflict(err) {
			return err
		}
		in.mu.RLock()
		moved := in.key != key || !in.base.same(base)
		base = in.base
		in.mu.RUnlock()
		if !moved {
			return err
		}
	}
}

// get returns a chunk, and whether it began to fetch it, or nil if there is no
// such chunk or no memory for it.
func (r *ranges) get(in *inode, base version, i int64) (c *chunk, mine bool) {
	size := min(chunkBytes, base.size-i*chunkBytes)
	if size <= 0 {
		return nil, false
	}
	key := chunkKey{in, base.etag, base.size, i}
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.chunks[key]; c != nil {
		r.lru.MoveToBack(c.place)
		return c, false
	}
	if !r.reserve(size) {
		return nil, false
	}
	c = &chunk{key: key, data: make([]byte, size)}
	c.task = in.v.start(func(ctx context.Context) error {
		err := in.readRange(ctx, base, c.data, i*chunkBytes)
		if err != nil {
			r.forget(c)
		}
		return err
	})
	c.place = r.lru.PushBack(c)
	r.chunks[key] = c
	return c, true
}

// reserve makes room for a chunk. Those that are being fetched stay.
func (r *ranges) reserve(size int64) bool {
	for e := r.lru.Front(); e != nil && r.used+size > r.most; {
		c := e.Value.(*chunk)
		e = e.Next()
		select {
		case <-c.done:
			r.remove(c)
		default:
		}
	}
	if r.used+size > r.most {
		return false
	}
	r.used += size
	return true
}

func (r *ranges) remove(c *chunk) {
	if r.chunks[c.key] == c {
		delete(r.chunks, c.key)
		r.lru.Remove(c.place)
		r.used -= int64(len(c.data))
	}
}

func (r *ranges) forget(c *chunk) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.remove(c)
}

// drop forgets the chunks of a file that nobody has open.
func (r *ranges) drop(in *inode) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key, c := range r.chunks {
		if key.in == in {
			r.remove(c)
		}
	}
}
