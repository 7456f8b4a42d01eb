package blob

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/directfs/runsc/pkg/volume"
)

func TestReadTree(t *testing.T) {
	for name, readOnly := range map[string]bool{"read-only": true, "writable": false} {
		t.Run(name, func(t *testing.T) {
			k := newKit(t, func(c *Config) { c.ReadOnly = readOnly }, "a", "d/b", "d/e/f", "d-x", "empty/")
			k.wantNames("", "a d/ d-x empty/")
			k.wantNames("d", "b e/")
			k.wantFile("d/e/f", "content of d/e/f")
			if _, err := k.tryLookup("d/none"); !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			if a := k.lookup("d"); a.Mode != fs.ModeDir|0o755 || a.ID != k.lookup("d").ID {
				t.Fatalf("%+v", a)
			}
			if _, isWritable := k.v.(*writable); isWritable == readOnly {
				t.Fatalf("writable: %v", isWritable)
			}
		})
	}
}

func TestPrefix(t *testing.T) {
	k := newKit(t, func(c *Config) { c.Prefix = "p/q/" }, "p/q/a", "p/other")
	k.wantNames("", "a")
	k.write("b", "x")
	k.must(k.rename("a", "c"))
	k.wantObject("p/q/b", "x")
	k.wantObject("p/q/c", "content of p/q/a")
}

func TestListingIsBelievedForItsTime(t *testing.T) {
	k := newKit(t, func(c *Config) { c.ListTTL = 50 * time.Millisecond }, "a")
	k.wantNames("", "a")
	k.put("b", "x")
	for start := time.Now(); k.names("") != "a b"; {
		if time.Since(start) > 5*time.Second {
			t.Fatal("the new object never shows")
		}
	}
	k.requests()
	for range 20 {
		k.lookup("a")
	}
	if n := k.requests()[RequestList]; n > 10 {
		t.Fatalf("%d listings for 20 lookups", n)
	}
}

func TestConcurrentLookupsShareOneListing(t *testing.T) {
	k := newKit(t, nil, "d/a", "d/b")
	dir := k.lookup("d").ID
	k.requests()
	release := make(chan struct{})
	k.failOn(RequestList, fault{block: release})
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() { _, err := k.v.Lookup(k.ctx, dir, "b"); k.check(err) })
	}
	close(release)
	wg.Wait()
	if n := k.requests()[RequestList]; n != 1 {
		t.Fatalf("%d listings", n)
	}
}

// check is must for another goroutine.
func (k *kit) check(err error) {
	k.t.Helper()
	if err != nil {
		k.t.Error(err)
	}
}

// A directory that has too many names for a listing.
func TestLargeDirectory(t *testing.T) {
	k := newKit(t, func(c *Config) { c.ListEntries = 1500 })
	for i := range 1600 {
		k.put(fmt.Sprintf("d/%04d", i), "x")
	}
	k.put("d/sub/f", "y")
	k.put("e/x", "x")
	k.wantFile("d/0001", "x")
	k.wantFile("d/1599", "x")
	k.wantFile("d/sub/f", "y")
	if _, err := k.tryLookup("d/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	_, err := k.v.ReadDir(k.ctx, k.lookup("d").ID, "", 10)
	k.wantErr(err, syscall.EFBIG)
	k.wantNames("e", "x")
	k.write("d/new", "z")
	k.wantFile("d/new", "z")
	k.must(k.remove("d/0001", false))
	if _, err := k.tryLookup("d/0001"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if n := k.v.(*writable).lists.count; n > 1600 {
		t.Fatalf("%d entries are remembered", n)
	}
}

func TestCacheIsBounded(t *testing.T) {
	k := newKit(t, func(c *Config) { c.CacheBytes, c.CacheObjectBytes = 1000, 400 })
	var open []volume.WritableHandle
	for i := range 5 {
		k.put(fmt.Sprint(i), strings.Repeat("x", 300))
	}
	for i := range 5 { // three fit, the others are read in ranges
		h := k.openFile(fmt.Sprint(i), ro)
		open = append(open, h)
		k.wantContent(h, strings.Repeat("x", 300))
		if donated := h.(volume.FileDonor).HostFile() != nil; donated != (i < 3) {
			t.Fatalf("file %d: donated %v", i, donated)
		}
	}
	cache, _ := k.v.(*writable).disk.Used()
	if cache != 900 {
		t.Fatalf("%d bytes in the cache", cache)
	}
	for _, h := range open {
		k.must(h.Close(k.ctx))
	}
	k.wantFile("4", strings.Repeat("x", 300))
	if cache, _ := k.v.(*writable).disk.Used(); cache != 900 {
		t.Fatalf("%d bytes in the cache after an eviction", cache)
	}
}

// counter is an Observer.
type counter struct {
	nobody
	mu sync.Mutex
	n  map[string]int
}

func (c *counter) add(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = map[string]int{}
	}
	c.n[what]++
}

func (c *counter) get(what string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n[what]
}

func (c *counter) Cached(e CacheEvent) { c.add(string(e)) }
func (c *counter) Conflict(string)     { c.add("conflict") }
func (c *counter) Waiting(files int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = map[string]int{}
	}
	c.n["waiting"] = files
}
func (c *counter) Uploading(_ string, done, size int64, err error) {
	if done < size {
		c.add("progress")
	} else if err == nil {
		c.add("uploaded")
	}
}

// A second open of a file whose object was replaced is another file; the first
// goes on with what it has.
func TestReplacedByAnotherWriter(t *testing.T) {
	for _, readOnly := range []bool{true, false} {
		t.Run(fmt.Sprintf("read-only=%v", readOnly), func(t *testing.T) {
			k := newKit(t, func(c *Config) { c.ListTTL = 1; c.ReadOnly = readOnly }, "a")
			before := k.lookup("a")
			h := k.openFile("a", ro)
			defer h.Close(k.ctx)
			host := h.(volume.FileDonor).HostFile()
			k.put("a", "another content")
			after := k.lookup("a")
			if after.ID == before.ID || after.Size != 15 {
				t.Fatalf("%+v became %+v", before, after)
			}
			k.wantFile("a", "another content")
			k.wantContent(h, "content of a")
			if b, err := io.ReadAll(host); err != nil || string(b) != "content of a" {
				t.Fatalf("%q, %v", b, err)
			}
			if a, err := k.v.Stat(k.ctx, before.ID); err != nil || a.Size != 12 {
				t.Fatalf("%+v, %v", a, err)
			}
		})
	}
}
