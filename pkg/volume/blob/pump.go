package blob

import (
	"io"
	"sync"
	"sync/atomic"

	"github.com/directfs/runsc/pkg/volume/blob/internal/disk"
)

// Content is copied with buffers of this size. An object that is larger than one
// has so many, so that it is read from the network and written to the disk at once.
const (
	bufferBytes = 256 << 10
	pumpBuffers = 3
)

var buffers = sync.Pool{New: func() any { b := make([]byte, bufferBytes); return &b }}

// copyBuffer copies without the buffer of 1 MiB that the library makes for each.
func copyBuffer(w io.Writer, r io.Reader) (int64, error) {
	b := buffers.Get().(*[]byte)
	defer buffers.Put(b)
	type onlyWriter struct{ io.Writer }
	type onlyReader struct{ io.Reader }
	return io.CopyBuffer(onlyWriter{w}, onlyReader{r}, *b)
}

// receive copies size bytes, or up to one more where there are more. stop is as for
// pump.
func receive(w io.Writer, r io.Reader, size int64, stop func()) (int64, error) {
	if f, ok := w.(*disk.Filling); ok {
		if err := f.Expect(size); err != nil {
			return 0, err
		}
	}
	r = io.LimitReader(r, size+1)
	if size < bufferBytes {
		return copyBuffer(w, r)
	}
	return pump(w, r, stop)
}

// piece is what was read at once. With an error it is the last.
type piece struct {
	buffer *[]byte
	n      int
	err    error
}

// pump copies as copyBuffer does, and reads the next pieces while it writes one.
// After a failed write it calls stop, which must end a Read that waits. Nothing
// reads or writes any more when it returns.
func pump(w io.Writer, r io.Reader, stop func()) (written int64, err error) {
	var stopped atomic.Bool
	pieces := make(chan piece, pumpBuffers-2) // one more is being read, and one written
	go func() {
		defer close(pieces)
		for p := (piece{}); p.err == nil && !stopped.Load(); {
			p = readPiece(r)
			pieces <- p
		}
	}()
	for p := range pieces {
		if err == nil {
			var n int
			n, err = w.Write((*p.buffer)[:p.n])
			written += int64(n)
			if err != nil {
				stopped.Store(true)
				stop()
			} else if p.err != io.EOF {
				err = p.err
			}
		}
		buffers.Put(p.buffer)
	}
	return written, err
}

// readPiece fills a buffer, because few large writes cost less than many small ones.
func readPiece(r io.Reader) piece {
	p := piece{buffer: buffers.Get().(*[]byte)}
	for p.n < len(*p.buffer) && p.err == nil {
		var n int
		n, p.err = r.Read((*p.buffer)[p.n:])
		p.n += n
	}
	return p
}
