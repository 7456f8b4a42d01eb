package blob

import (
	"fmt"
	"strings"
	"testing"
)

// Files of many directories are opened faster than the store gives what could be
// fetched ahead: what waits for that is bounded.
func TestPrefetchIsBounded(t *testing.T) {
	const dirs = 400
	k := newKit(t, func(c *Config) { c.PrefetchFiles = 0 }) // the default
	for d := range dirs {
		for i := range 20 {
			k.must(k.inner.WriteAll(k.ctx, fmt.Sprintf("%d/%d", d, i), []byte("text"), writerWith("x/y", nil)))
		}
	}
	k.relist()
	release := make(chan struct{})
	k.set(func(r Request, key string) fault {
		if r == RequestRead && !strings.HasSuffix(key, "/0") {
			return fault{block: release}
		}
		return fault{}
	})
	w := k.v.(*writable)
	for d := range dirs {
		name := fmt.Sprintf("%d/0", d)
		k.wantFile(name, "text")
		if n := w.queued.Load(); n > w.c.aheadAtMost() {
			t.Fatalf("%d files wait to be fetched ahead, want %d at most", n, w.c.aheadAtMost())
		}
	}
	if n := w.queued.Load(); n != w.c.aheadAtMost() {
		t.Fatalf("%d files wait to be fetched ahead, want %d", n, w.c.aheadAtMost())
	}
	close(release)
}
