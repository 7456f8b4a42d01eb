package blob

import (
	"container/list"
	"context"
	"sync"
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
	size  int64
	data  []byte // when it is done without an error
	read  bool   // to its end; before, what is fetched ahead does not drive it out
	dead  bool   // nobody wants it when it is there
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

// get returns a chunk, and whether it began to fetch it, or nil if there is no
// such chunk or no memory for it.
func (r *ranges) get(in *inode, base version, i int64) (c *chunk, mine bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.known(in, base, i); c != nil {
		return c, false
	}
	if begun := r.begin(in, base, i, 1, true); begun != nil {
		return begun[0], true
	}
	return nil, false
}

// known returns a chunk that is there or being fetched, or nil. r.mu is held.
func (r *ranges) known(in *inode, base version, i int64) *chunk {
	c := r.chunks[chunkKey{in, base.etag, base.size, i}]
	if c != nil {
		r.lru.MoveToBack(c.place)
	}
	return c
}

// ahead has up to n chunks that follow one fetched. The last ones wait until there
// are enough of them for a request.
func (r *ranges) ahead(in *inode, base version, i, n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := min(i+n, (base.size-1)/chunkBytes)
	var missing int64
	for i++; i <= last; i++ {
		if r.known(in, base, i) == nil {
			missing++
		} else {
			r.begin(in, base, i-missing, missing, false)
			missing = 0
		}
		if missing == requestChunks {
			r.begin(in, base, i+1-missing, missing, false)
			missing = 0
		}
	}
	if n < requestChunks || last*chunkBytes+chunkBytes >= base.size {
		r.begin(in, base, last+1-missing, missing, false)
	}
}

// begin fetches n chunks with one request, as far as there is memory for them and
// the object has so many, and returns them. r.mu is held.
func (r *ranges) begin(in *inode, base version, i, n int64, asked bool) (begun []*chunk) {
	for ; n > 0; i, n = i+1, n-1 {
		size := min(chunkBytes, base.size-i*chunkBytes)
		if size <= 0 || !r.reserve(size, asked) {
			break
		}
		c := &chunk{task: &task{done: make(chan struct{})}, key: chunkKey{in, base.etag, base.size, i}, size: size}
		c.place = r.lru.PushBack(c)
		r.chunks[c.key] = c
		begun = append(begun, c)
	}
	if begun != nil {
		t := in.v.start(func(ctx context.Context) error { return r.fill(ctx, base, begun) })
		for _, c := range begun {
			c.cancel = t.cancel
		}
	}
	return begun
}

// fill fetches chunks that follow each other. Each can be read when it is there; with
// an error, those that are not yet are forgotten.
func (r *ranges) fill(ctx context.Context, base version, chunks []*chunk) error {
	in, off := chunks[0].key.in, chunks[0].key.i*chunkBytes
	var pieces [][]byte
	for _, c := range chunks {
		pieces = append(pieces, make([]byte, c.size))
	}
	all, done := pieces, 0
	err := in.readRange(ctx, base, off, pieces, func() {
		chunks[done].data = all[done]
		close(chunks[done].done)
		done++
	})
	for _, c := range chunks[done:] {
		r.forget(c)
		c.err = err
		close(c.done)
	}
	r.bury(chunks[:done])
	return err
}

// bury forgets those of which the file was closed while they were fetched.
func (r *ranges) bury(chunks []*chunk) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range chunks {
		if c.dead {
			r.remove(c)
		}
	}
}

// finish notes that a chunk was read to its end.
func (r *ranges) finish(c *chunk) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c.read = true
}

// reserve makes room for a chunk. Those that are being fetched stay, and unless this
// one was asked for, so do those that nobody has read yet. r.mu is held.
func (r *ranges) reserve(size int64, asked bool) bool {
	for e := r.lru.Front(); e != nil && r.used+size > r.most; {
		c := e.Value.(*chunk)
		e = e.Next()
		if c.read || asked {
			select {
			case <-c.done:
				r.remove(c)
			default:
			}
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
		r.used -= c.size
	}
}

func (r *ranges) forget(c *chunk) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.remove(c)
}

// drop forgets the chunks of a file that nobody has open. The memory of those that are
// being fetched is in use until their requests have ended.
func (r *ranges) drop(in *inode) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key, c := range r.chunks {
		if key.in != in {
			continue
		}
		select {
		case <-c.done:
			r.remove(c)
		default:
			c.dead = true
			c.cancel()
		}
	}
}
