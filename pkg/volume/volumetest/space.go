package volumetest

import (
	"strings"

	"github.com/directfs/runsc/pkg/volume"
)

var spaceChecks = []check{
	{"allocate/extends-with-zeros", write, allocateExtends},
	{"allocate/keeps-the-size", write, allocateKeepSize},
	{"allocate/keeps-the-content", write, allocateContent},
	{"usage/free-is-part-of-all", usage, usageConsistent},
}

// allocate skips the check where handles cannot do it.
func (e *env) allocate(h volume.WritableHandle, off, length int64, keepSize bool) {
	e.Helper()
	a, ok := h.(volume.Allocator)
	if !ok {
		e.Skip("handles are no volume.Allocator")
	}
	e.ok(a.Allocate(e.ctx, off, length, keepSize), "Allocate")
}

func allocateExtends(e *env) {
	a, h := e.createOpen(e.root(), "file")
	e.write(h, "abc", 0)
	e.allocate(h, 2, 100, false)
	e.size(a.ID, 102)
	e.content(a.ID, "abc"+strings.Repeat("\x00", 99))
}

func allocateKeepSize(e *env) {
	a, h := e.createOpen(e.root(), "file")
	e.write(h, "abc", 0)
	e.allocate(h, 0, 100, true)
	e.size(a.ID, 3)
	e.content(a.ID, "abc")
}

func allocateContent(e *env) {
	a, h := e.createOpen(e.root(), "file")
	e.write(h, "0123456789", 0)
	e.allocate(h, 2, 4, false)
	e.size(a.ID, 10)
	e.content(a.ID, "0123456789")
}

func usageConsistent(e *env) {
	u, err := e.v.(volume.UsageReporter).Usage(e.ctx)
	e.ok(err, "Usage")
	if u.FreeBytes > u.Bytes || u.FreeFiles > u.Files {
		e.Errorf("Usage returned %+v, with more that is free than there is", u)
	}
}
