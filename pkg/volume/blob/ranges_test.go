package blob

import (
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"gocloud.dev/blob"

	"github.com/directfs/runsc/pkg/volume"
)

func large(n int) string {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return string(b)
}

// smallCache makes objects above 1 KiB ones that are read in ranges.
func smallCache(c *Config) { c.CacheObjectBytes, c.CacheBytes = 1<<10, 1<<20 }

func TestRangedReads(t *testing.T) {
	k := newKit(t, func(c *Config) { smallCache(c); c.MemoryBytes = 4 * chunkBytes })
	content := large(10*chunkBytes + 77)
	k.put("big", content)
	h := k.openFile("big", ro)
	defer h.Close(k.ctx)
	if h.(volume.FileDonor).HostFile() != nil {
		t.Fatal("donated a file that is not there")
	}
	k.wantContent(h, content)
	for _, c := range []struct{ off, n int }{{5, 10}, {9 * chunkBytes, 100}, {chunkBytes - 3, 9}, {len(content) - 5, 5}, {3 << 20, 5 << 20}} {
		p := make([]byte, c.n)
		if n, err := h.ReadAt(k.ctx, p, int64(c.off)); n != c.n || err != nil || string(p) != content[c.off:c.off+c.n] {
			t.Fatalf("read %d at %d: %d, %v", c.n, c.off, n, err)
		}
	}
	p := make([]byte, 10)
	if n, err := h.ReadAt(k.ctx, p, int64(len(content)-5)); n != 5 || err != io.EOF {
		t.Fatalf("at the end: %d, %v", n, err)
	}
	if n, err := h.ReadAt(k.ctx, p, int64(len(content))); n != 0 || err != io.EOF {
		t.Fatalf("behind the end: %d, %v", n, err)
	}
	if used := k.v.(*writable).ranges.used; used > 4*chunkBytes {
		t.Fatalf("%d bytes of memory", used)
	}
}

// received is an Observer that counts the bytes that came from the store.
type received struct {
	nobody
	bytes atomic.Int64
}

func (r *received) Transferred(down, _ int64) { r.bytes.Add(down) }

func TestSequentialReadsAreFetchedAhead(t *testing.T) {
	r := &received{}
	k := newKit(t, func(c *Config) { smallCache(c); c.Observer = r })
	content := large(64*chunkBytes + 5)
	k.put("big", content)
	h := k.openFile("big", ro)
	defer h.Close(k.ctx)
	k.requests()
	k.wantContent(h, content)
	if n := k.requests()[RequestRead]; n > 64/requestChunks+8 {
		t.Errorf("%d requests for 64 chunks", n)
	}
	if n := r.bytes.Load(); n != int64(len(content)) {
		t.Errorf("%d bytes of %d were fetched", n, len(content))
	}
	random := k.openFile("big", ro)
	defer random.Close(k.ctx)
	p := make([]byte, 4096)
	for _, off := range []int64{9 << 20, 3 << 20, 14 << 20} {
		random.ReadAt(k.ctx, p, off)
	}
}

// What was fetched ahead is read before it makes room for more.
func TestFetchedAheadWithLittleMemory(t *testing.T) {
	r := &received{}
	k := newKit(t, func(c *Config) { smallCache(c); c.Observer, c.MemoryBytes = r, 6*chunkBytes })
	content := large(40 * chunkBytes)
	k.put("big", content)
	h := k.openFile("big", ro)
	defer h.Close(k.ctx)
	k.wantContent(h, content)
	if n := r.bytes.Load(); n > int64(len(content))*5/4 {
		t.Errorf("%d bytes of %d were fetched", n, len(content))
	}
	if used := k.v.(*writable).ranges.used; used > 6*chunkBytes {
		t.Errorf("%d bytes of memory", used)
	}
}

// Some of the requests that have several chunks fail. Whatever is read is right, and
// nothing of what failed is kept.
func TestFaultsWhileFetchingAhead(t *testing.T) {
	content := large(24*chunkBytes + 9)
	for name, x := range map[string]fault{
		"error": {before: errFault}, "error in the middle": {after: errFault}, "short by a piece": {short: chunkBytes + 3}, "short": {short: 1},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKit(t, smallCache)
			k.put("big", content)
			h := k.openFile("big", ro)
			defer h.Close(k.ctx)
			n := 0
			k.set(func(r Request, _ string) fault {
				if n++; r == RequestRead && n%2 == 0 {
					return x
				}
				return fault{}
			})
			p := make([]byte, chunkBytes/2)
			for off := 0; off < len(content); off += len(p) {
				n, err := h.ReadAt(k.ctx, p, int64(off))
				if want := content[off:min(len(content), off+n)]; string(p[:n]) != want {
					t.Fatalf("wrong content at %d", off)
				}
				if err != nil && err != io.EOF {
					k.wantErr(err, syscall.EIO)
				} else if n != min(len(p), len(content)-off) {
					t.Fatalf("%d bytes at %d without an error", n, off)
				}
			}
			k.heal()
			k.wantContent(h, content)
			ranges := k.v.(*writable).ranges
			ranges.mu.Lock()
			kept := slices.Collect(maps.Values(ranges.chunks))
			ranges.mu.Unlock()
			for _, c := range kept {
				<-c.done
				ranges.mu.Lock()
				if c.err != nil && ranges.chunks[c.key] == c {
					t.Errorf("chunk %d is kept, which failed: %v", c.key.i, c.err)
				}
				ranges.mu.Unlock()
			}
		})
	}
}

// An object that is replaced while it is read ahead is never mixed with the new one,
// also in a store that cannot compare.
func TestReplacedWhileFetchedAhead(t *testing.T) {
	k := newKit(t, smallCache)
	content := large(40 * chunkBytes)
	k.put("big", content)
	h := k.openFile("big", ro)
	defer h.Close(k.ctx)
	p := make([]byte, chunkBytes)
	stale := false
	for off := 0; off < len(content); off += len(p) {
		if off == 7*chunkBytes {
			k.must(k.inner.WriteAll(k.ctx, "big", []byte(strings.Repeat("y", len(content))), nil))
		}
		n, err := h.ReadAt(k.ctx, p, int64(off))
		if string(p[:n]) != content[off:off+n] {
			t.Fatalf("wrong content at %d", off)
		}
		if err != nil {
			k.wantErr(err, syscall.ESTALE)
			stale = true
		}
	}
	if !stale {
		t.Fatal("nobody noticed")
	}
}

func TestReplacedDuringRangedReads(t *testing.T) {
	k := newKit(t, smallCache)
	k.put("big", large(4*chunkBytes))
	h := k.openFile("big", ro)
	defer h.Close(k.ctx)
	if _, err := h.ReadAt(k.ctx, make([]byte, 10), 0); err != nil {
		t.Fatal(err)
	}
	k.must(k.inner.WriteAll(k.ctx, "big", []byte(strings.Repeat("y", 4*chunkBytes)), &blob.WriterOptions{}))
	_, err := h.ReadAt(k.ctx, make([]byte, chunkBytes), 3*chunkBytes)
	k.wantErr(err, syscall.ESTALE)
}

func TestPrefetch(t *testing.T) {
	c := &counter{}
	k := newKit(t, func(cfg *Config) { cfg.PrefetchFiles, cfg.Observer = 64, c })
	const n = 200
	for i := range n {
		k.put(fmt.Sprintf("d/%03d", i), strings.Repeat("x", i))
	}
	k.names("d")
	for i := range n {
		k.wantFile(fmt.Sprintf("d/%03d", i), strings.Repeat("x", i))
	}
	if ahead := c.get(string(CachePrefetch)); ahead < n/2 {
		t.Fatalf("%d of %d objects were fetched ahead", ahead, n)
	}
	if reads := k.requests()[RequestRead]; reads != n {
		t.Fatalf("%d reads of %d objects", reads, n)
	}
}

// The object is replaced by one of the same size in the same second: what is open is
// the old one or an error, and never a part of each.
func TestRangesAreOfOneVersion(t *testing.T) {
	k := newKit(t, func(c *Config) { smallCache(c); c.MemoryBytes = chunkBytes; c.ReadIfMatch = readIfMatch })
	k.seconds = true
	k.put("a", strings.Repeat("a", 5*chunkBytes))
	h := k.openFile("a", ro)
	p := make([]byte, 2*chunkBytes)
	n, err := h.ReadAt(k.ctx, p[:10], 0)
	if n != 10 || err != nil {
		t.Fatalf("%d bytes, %v", n, err)
	}
	k.replace("a", strings.Repeat("b", 5*chunkBytes))
	_, err = h.ReadAt(k.ctx, p, 3*chunkBytes)
	k.wantErr(err, syscall.ESTALE)
	k.must(h.Close(k.ctx))
	k.relist()
	k.wantFile("a", strings.Repeat("b", 5*chunkBytes))
}
