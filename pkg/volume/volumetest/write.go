package volumetest

import (
	"strings"
	"time"

	"github.com/directfs/runsc/pkg/volume"
)

var writeChecks = []check{
	{"write/read-by-another-handle", write, writeReadBack},
	{"write/in-the-middle", write, writeMiddle},
	{"write/extends-with-zeros", write, writeExtends},
	{"write/size-is-fresh", write, writeSizeFresh},
	{"write/large", write, writeLarge},
	{"write/modification-time", write | times, writeModTime},
	{"write/does-not-keep-the-buffer", write, writeCopies},
	{"write/sync", write, writeSync},
	{"write/flush-leaves-the-handle-open", write, writeFlush},
	{"open/truncate", write, openTruncate},
	{"open/write-does-not-truncate", write, openKeeps},
	{"open/handle-to-write", write, openWritable},
}

func writeReadBack(e *env) {
	a, h := e.createOpen(e.root(), "file")
	reader := e.open(a.ID, reading)
	for _, s := range []string{"first", "SECOND"} {
		e.write(h, s, 0)
		e.handleContent(reader, s)
		e.content(a.ID, s)
	}
}

func writeMiddle(e *env) {
	a := e.create(e.root(), "file", "0123456789")
	e.write(e.openToWrite(a.ID, both), "abc", 4)
	e.content(a.ID, "0123abc789")
}

func writeExtends(e *env) {
	a := e.create(e.root(), "file", "start")
	e.write(e.openToWrite(a.ID, both), "end", 10_000)
	e.content(a.ID, "start"+strings.Repeat("\x00", 9995)+"end")
}

// writeSizeFresh asks while nothing was synced or flushed.
func writeSizeFresh(e *env) {
	root := e.root()
	a, h := e.createOpen(root, "file")
	other := e.openToWrite(a.ID, writing)
	e.write(h, "12345", 0)
	e.size(a.ID, 5)
	e.write(other, "67", 5)
	e.size(a.ID, 7)
	if got := e.lookup(root, "file").Size; got != 7 {
		e.Errorf("Lookup returns the size %d, want 7", got)
	}
}

func (e *env) size(id volume.ID, want int64) {
	e.Helper()
	if got := e.stat(id).Size; got != want {
		e.Errorf("Stat returns the size %d, want %d", got, want)
	}
}

func writeLarge(e *env) {
	a, h := e.createOpen(e.root(), "file")
	piece := strings.Repeat("0123456789abcde\n", 8192)
	for i := range 16 {
		e.write(h, piece, int64(i*len(piece)))
	}
	e.content(a.ID, strings.Repeat(piece, 16))
}

func writeModTime(e *env) {
	a := e.create(e.root(), "file", "content")
	long := time.Unix(1_000_000_000, 0)
	e.setAttr(a.ID, volume.Change{ModTime: &long})
	e.write(e.openToWrite(a.ID, both), "x", 0)
	e.modifiedAfter(a.ID, long, "a write")
	e.setAttr(a.ID, volume.Change{ModTime: &long})
	e.setAttr(a.ID, volume.Change{Size: new(int64(2))})
	e.modifiedAfter(a.ID, long, "truncating")
}

func (e *env) modifiedAfter(id volume.ID, long time.Time, what string) {
	e.Helper()
	if got := e.stat(id).ModTime; !got.After(long) {
		e.Errorf("the modification time is %v after %s, want now", got, what)
	}
}

// writeCopies changes the buffer of a write as soon as it returned.
func writeCopies(e *env) {
	a, h := e.createOpen(e.root(), "file")
	buf := []byte("content")
	_, err := h.WriteAt(e.ctx, buf, 0)
	e.ok(err, "WriteAt")
	copy(buf, "changed")
	e.handleContent(h, "content")
	e.ok(h.Flush(e.ctx), "Flush")
	e.content(a.ID, "content")
}

func writeSync(e *env) {
	a, h := e.createOpen(e.root(), "file")
	e.write(h, "one", 0)
	e.ok(h.Sync(e.ctx), "Sync")
	e.write(h, "two", 3)
	e.content(a.ID, "onetwo")
}

func writeFlush(e *env) {
	a, h := e.createOpen(e.root(), "file")
	for i, s := range []string{"one", "two", "six"} {
		e.write(h, s, int64(3*i))
		e.ok(h.Flush(e.ctx), "Flush")
	}
	e.handleContent(h, "onetwosix")
	e.content(a.ID, "onetwosix")
}

func openTruncate(e *env) {
	a := e.create(e.root(), "file", "content")
	h := e.openToWrite(a.ID, volume.OpenHow{Read: true, Write: true, Truncate: true})
	e.size(a.ID, 0)
	e.handleContent(h, "")
	e.write(h, "x", 2)
	e.content(a.ID, "\x00\x00x")
}

func openKeeps(e *env) {
	a := e.create(e.root(), "file", "content")
	e.openToWrite(a.ID, writing)
	e.content(a.ID, "content")
}

func openWritable(e *env) {
	a := e.create(e.root(), "file", "content")
	for _, how := range []volume.OpenHow{writing, both} {
		e.write(e.openToWrite(a.ID, how), "CON", 0)
	}
	e.content(a.ID, "CONtent")
}
