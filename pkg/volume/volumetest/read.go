package volumetest

import (
	"io"
	"strings"

	"github.com/directfs/runsc/pkg/volume"
)

// longName has as many bytes as a name can have.
var longName = strings.Repeat("n", 255)

var readChecks = []check{
	{"read/content", 0, readContent},
	{"read/any-place", 0, readAnyPlace},
	{"read/end-of-file", 0, readEnd},
	{"read/beyond-the-end", 0, readBeyond},
	{"read/handles-are-independent", 0, readIndependent},
}

func readContent(e *env) {
	e.eachRegular(func(p string, id volume.ID, content string) {
		if got := e.readAll(e.open(id, reading)); got != content {
			e.Errorf("%s has %s, want %s", p, shown(got), shown(content))
		}
	})
}

// readAnyPlace goes backwards, in pieces whose length is a factor of nothing.
func readAnyPlace(e *env) {
	e.eachRegular(func(p string, id volume.ID, content string) {
		h := e.open(id, reading)
		const piece = 7919
		for off := len(content) / piece * piece; off >= 0; off -= piece {
			e.readsAt(p, h, off, content[off:min(off+piece, len(content))])
		}
	})
}

// readsAt demands bytes that are all there, which may come with io.EOF.
func (e *env) readsAt(p string, h volume.Handle, off int, want string) {
	e.Helper()
	buf := make([]byte, len(want))
	n, err := h.ReadAt(e.ctx, buf, int64(off))
	if n != len(want) || err != nil && err != io.EOF || string(buf) != want {
		e.Errorf("%s: ReadAt of %d bytes at %d returned %d, %v and %s", p, len(want), off, n, err, shown(string(buf)))
	}
}

func readEnd(e *env) {
	e.eachRegular(func(p string, id volume.ID, content string) {
		h := e.open(id, reading)
		off := max(0, len(content)-3)
		buf := make([]byte, 10)
		n, err := h.ReadAt(e.ctx, buf, int64(off))
		if want := content[off:]; string(buf[:n]) != want || err != io.EOF {
			e.Errorf("%s: ReadAt across the end returned %q, %v, want %q, %v", p, buf[:n], err, want, io.EOF)
		}
	})
}

func readBeyond(e *env) {
	e.eachRegular(func(p string, id volume.ID, content string) {
		h := e.open(id, reading)
		for _, beyond := range []int64{0, 1, 1 << 40} {
			n, err := h.ReadAt(e.ctx, make([]byte, 10), int64(len(content))+beyond)
			if n != 0 || err != io.EOF {
				e.Errorf("%s: ReadAt %d bytes after the end returned %d, %v, want 0, %v", p, beyond, n, err, io.EOF)
			}
		}
	})
}

func readIndependent(e *env) {
	e.eachRegular(func(p string, id volume.ID, content string) {
		h, other := e.open(id, reading), e.open(id, reading)
		e.ok(other.Close(e.ctx), "Close of another handle")
		if got := e.readAll(h); got != content {
			e.Errorf("%s has %s after another handle was closed, want %s", p, shown(got), shown(content))
		}
	})
}
