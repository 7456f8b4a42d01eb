package blob

import (
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// ended is an Observer that counts the reads that have ended.
type ended struct{ counter }

func (e *ended) Requested(r Request, _ time.Duration, _ error) { e.add(string(r)) }

// What is being fetched ahead ends when the file is closed: who opens and closes files uses
// no more memory than who keeps them open.
func TestMemoryOfClosedFiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := &ended{}
		k := newKit(t, func(c *Config) { smallCache(c); c.MemoryBytes = 4 * chunkBytes; c.Observer = seen })
		k.put("big", large(10*chunkBytes))
		ranges := k.v.(*writable).ranges
		h := k.openFile("big", ro)
		read := func(off int64) {
			t.Helper()
			if _, err := h.ReadAt(k.ctx, make([]byte, 1), off); err != nil {
				t.Fatal(err)
			}
		}
		read(0)
		synctest.Wait()
		k.failOn(RequestRead, fault{block: make(chan struct{})})
		for i := range int64(5) {
			read(i + 1)
		}
		synctest.Wait()
		begun := k.requests()[RequestRead]
		if done := seen.get(string(RequestRead)); begun <= done {
			t.Fatalf("%d reads are begun, %d have ended: nothing is fetched ahead", begun, done)
		}
		k.must(h.Close(k.ctx))
		synctest.Wait()
		if done := seen.get(string(RequestRead)); begun != done {
			t.Errorf("%d reads are begun, %d have ended", begun, done)
		}
		if ranges.used != 0 || len(ranges.chunks) != 0 || ranges.lru.Len() != 0 {
			t.Errorf("%d bytes, %d chunks, %d in the list are left", ranges.used, len(ranges.chunks), ranges.lru.Len())
		}
	})
}

// Nor is anything left of a file that was changed then, and is in conflict or waits.
func TestMemoryOfChangedFiles(t *testing.T) {
	for name, fail := range map[string]func(k *kit) error{
		"conflict": func(k *kit) error { k.put("big", "another's"); return syscall.ESTALE },
		"waits":    func(k *kit) error { k.failOn(RequestWrite, fault{before: errFault}); return syscall.EIO },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := newKit(t, smallCache)
				k.put("big", large(10*chunkBytes))
				h := k.openFile("big", rw)
				if _, err := h.ReadAt(k.ctx, make([]byte, 10), 0); err != nil {
					t.Fatal(err)
				}
				k.writeAt(h, "text", 0)
				want := fail(k)
				k.wantErr(h.Close(k.ctx), want)
				synctest.Wait()
				if r := k.v.(*writable).ranges; r.used != 0 {
					t.Errorf("%d bytes are left", r.used)
				}
				k.heal()
				k.v.Close(k.ctx)
			})
		})
	}
}
