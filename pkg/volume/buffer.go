package volume

import (
	"math/bits"
	"sync"
)

// Buffers for reads and writes, in sizes that are powers of two. The memory that
// is shared with the sandbox is never given to a volume: an abandoned call may
// still use its buffer, and the sandbox may change the memory at any time. The
// buffer of an abandoned call is left to the garbage collector. Mounts do not
// share buffers.
const (
	smallestBuffer = 12 // 4 KiB
	largestBuffer  = 21 // 2 MiB, more than the largest message
)

type buffers struct {
	pools [largestBuffer - smallestBuffer + 1]sync.Pool
}

// buffer is a slice that can be put back. The zero value is none.
type buffer struct {
	p     []byte
	whole *[]byte
}

func bufferClass(n int) int {
	return max(bits.Len(uint(max(n, 1)-1)), smallestBuffer)
}

// get returns a buffer of n bytes, whose content is arbitrary.
func (b *buffers) get(n int) buffer {
	class := bufferClass(n)
	if class > largestBuffer {
		return buffer{p: make([]byte, n)}
	}
	whole, _ := b.pools[class-smallestBuffer].Get().(*[]byte)
	if whole == nil {
		p := make([]byte, 1<<class)
		whole = &p
	}
	return buffer{p: (*whole)[:n], whole: whole}
}

// put takes back a buffer that nobody uses any more.
func (b *buffers) put(f buffer) {
	if f.whole != nil {
		b.pools[bufferClass(len(*f.whole))-smallestBuffer].Put(f.whole)
	}
}
