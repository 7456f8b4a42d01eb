package blob

import (
	"context"
	"sync"
)

// Ranged reads. An object too large for the cache is read in chunks, which are
// kept in memory; who reads one after the other has more and more of them fetched
// ahead, several with one request, and who reads here and there only what it asks for.
const (
	chunkBytes    = 1 << 20
	aheadChunks   = 16
	requestChunks = 4
	randomAtMost  = 128 << 10
)

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
		r.ahead(h.in, base, at/chunkBytes, ahead)
		if c != nil {
			err := c.wait(ctx)
			if err == nil {
				n := copy(p[done:], c.data[at%chunkBytes:])
				if at%chunkBytes+int64(n) == c.size {
					r.finish(c)
				}
				done += n
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
	if err := in.readRange(ctx, base, off, [][]byte{p}, func() {}); err != nil {
		return 0, err
	}
	return len(p), nil
}

// readRange fills pieces from the object, wherever a rename put it meanwhile.
func (in *inode) readRange(ctx context.Context, base version, off int64, pieces [][]byte, filled func()) error {
	next := func() {
		off, pieces = off+int64(len(pieces[0])), pieces[1:]
		filled()
	}
	for {
		key := in.keyNow()
		err := in.v.s.read(ctx, key, base, off, pieces, next)
		if !isNotFound(err) && !isConflict(err) {
			return err
		}
		if err := in.awaitMove(ctx); err != nil {
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

// awaitMove returns when this process does not move the object, which may have lost its
// old key already and is known by the new one in a moment.
func (in *inode) awaitMove(ctx context.Context) error {
	in.mu.RLock()
	moving := in.moving
	in.mu.RUnlock()
	if !moving {
		return nil
	}
	if err := in.busy.lock(ctx); err != nil {
		return err
	}
	in.busy.unlock()
	return nil
}
