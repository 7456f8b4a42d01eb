package volume

import (
	"container/list"
	"context"
	"io"
	"io/fs"
	"sync"
)

// Files that can only be read from their beginning are read in blocks, of which
// a volume keeps the last ones: 64 MiB for all its files.
const (
	streamBlock  = 256 << 10
	streamBlocks = 256

	// streamNear is how many blocks before the wanted one are kept on the way to
	// it: several readers of one file are seldom further apart.
	streamNear = 4
)

// streamHandle reads at any place of a file that can only be read forwards.
type streamHandle struct {
	open   func() (fs.File, error)
	blocks *blockCache

	mu     sync.Mutex
	file   fs.File // nil after an error: it is opened again
	next   int64   // index of the block that file is at
	end    int64   // index of the last block, -1 if it is not known yet
	closed bool
}

func (h *streamHandle) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) {
		at := off + int64(n)
		b, err := h.block(ctx, at/streamBlock)
		if err != nil {
			return n, err
		}
		in := int(at % streamBlock)
		if in >= len(b) {
			return n, io.EOF
		}
		n += copy(p[n:], b[in:])
	}
	return n, nil
}

// block returns one block, which is shorter than the others if it is the last,
// and empty after that.
func (h *streamHandle) block(ctx context.Context, index int64) ([]byte, error) {
	if b, ok := h.blocks.get(blockKey{h, index}); ok {
		return b, nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if b, ok := h.blocks.get(blockKey{h, index}); ok {
		return b, nil
	}
	if h.end >= 0 && index > h.end {
		return nil, nil
	}
	if err := h.rewind(index); err != nil {
		return nil, err
	}
	b, err := h.forward(ctx, index)
	if err != nil {
		h.drop()
	}
	return b, err
}

// rewind makes sure that the file is not behind the block.
func (h *streamHandle) rewind(index int64) (err error) {
	if h.closed {
		return fs.ErrClosed
	}
	if h.file != nil && h.next <= index {
		return nil
	}
	h.drop()
	h.next = 0
	h.file, err = h.open()
	return err
}

// forward reads up to and including a block.
func (h *streamHandle) forward(ctx context.Context, index int64) ([]byte, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		b := make([]byte, streamBlock)
		n, err := readFull(h.file, b)
		if err != nil && err != io.EOF {
			return nil, err
		}
		if n < streamBlock {
			h.end = h.next
			b = append([]byte(nil), b[:n]...)
		}
		if h.next > index-streamNear {
			h.blocks.put(blockKey{h, h.next}, b)
		}
		h.next++
		if h.next > index {
			return b, nil
		}
		if n < streamBlock {
			return nil, nil
		}
	}
}

func (h *streamHandle) drop() {
	if h.file != nil {
		h.file.Close()
		h.file = nil
	}
}

func (h *streamHandle) Close(context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	h.drop()
	h.blocks.forget(h)
	return nil
}

// blockCache keeps the blocks that were used last.
type blockCache struct {
	mu     sync.Mutex
	max    int
	recent list.List // of cachedBlock, the last used first
	byKey  map[blockKey]*list.Element
}

type blockKey struct {
	h     *streamHandle
	index int64
}

type cachedBlock struct {
	key  blockKey
	data []byte
}

func newBlockCache(max int) *blockCache {
	return &blockCache{max: max, byKey: map[blockKey]*list.Element{}}
}

func (c *blockCache) get(k blockKey) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.byKey[k]
	if !ok {
		return nil, false
	}
	c.recent.MoveToFront(e)
	return e.Value.(cachedBlock).data, true
}

func (c *blockCache) put(k blockKey, data []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remove(k)
	c.byKey[k] = c.recent.PushFront(cachedBlock{k, data})
	for c.recent.Len() > c.max {
		c.remove(c.recent.Back().Value.(cachedBlock).key)
	}
}

func (c *blockCache) remove(k blockKey) {
	if e, ok := c.byKey[k]; ok {
		c.recent.Remove(e)
		delete(c.byKey, k)
	}
}

func (c *blockCache) forget(h *streamHandle) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for k := range c.byKey {
		if k.h == h {
			c.remove(k)
		}
	}
}
