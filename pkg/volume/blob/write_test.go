package blob

import (
	"fmt"
	"io"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/directfs/runsc/pkg/volume"
)

func TestWrite(t *testing.T) {
	k := newKit(t, nil, "old")
	h := k.create("new")
	k.wantNames("", "new old")
	k.wantNoObject("new")
	k.writeAt(h, "hello", 0)
	if size := k.lookup("new").Size; size != 5 {
		t.Fatalf("size %d", size)
	}
	k.wantFile("new", "hello")
	k.must(h.Sync(k.ctx))
	k.wantObject("new", "hello")
	k.requests()
	k.must(h.Flush(k.ctx))
	if n := k.requests(); len(n) != 0 {
		t.Fatalf("a flush without changes made requests: %v", n)
	}
	k.writeAt(h, "J", 0)
	k.must(h.Flush(k.ctx))
	k.wantObject("new", "Jello")
	k.must(h.Close(k.ctx))
	if left := k.staged(); len(left) != 0 {
		t.Fatalf("left staged: %v", left)
	}
	k.requests()
	k.wantFile("new", "Jello")
	if n := k.requests(); n[RequestRead] != 0 {
		t.Fatal("what was written is not in the cache")
	}
}

func TestEmptyFileIsAnObject(t *testing.T) {
	k := newKit(t, nil)
	h := k.create("empty")
	k.must(h.Close(k.ctx)) // without a flush
	k.wantObject("empty", "")
}

func TestChangeExisting(t *testing.T) {
	for name, c := range map[string]struct {
		how  volume.OpenHow
		size int
		want string
	}{
		"in place":           {rw, 0, "cXXtent of a"},
		"truncated":          {volume.OpenHow{Write: true, Truncate: true}, 0, "\x00XX"},
		"in place, large":    {rw, 4, "cXXtent of a"},
		"truncated, large":   {volume.OpenHow{Write: true, Truncate: true}, 4, "\x00XX"},
		"read-only together": {rw, 0, "cXXtent of a"},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKit(t, func(cfg *Config) { cfg.CacheObjectBytes = int64(c.size) }, "a")
			reader := k.openFile("a", ro)
			h := k.openFile("a", c.how)
			k.writeAt(h, "XX", 1)
			k.wantContent(reader, c.want)
			k.wantObject("a", "content of a")
			k.must(h.Flush(k.ctx))
			k.wantObject("a", c.want)
			k.must(h.Close(k.ctx))
			k.wantContent(reader, c.want)
			k.must(reader.Close(k.ctx))
			k.wantFile("a", c.want)
		})
	}
}

// The contract of volume.FileDonor: the donated file has at every moment what
// ReadAt returns.
func TestDonatedFileIsTheOneThatIsWritten(t *testing.T) {
	k := newKit(t, nil, "a", "b")
	reader := k.openFile("a", ro)
	defer reader.Close(k.ctx)
	host := reader.(volume.FileDonor).HostFile()
	if host == nil {
		t.Fatal("nothing was donated")
	}
	if _, err := host.Write([]byte("x")); err == nil {
		t.Fatal("a donated file can be written")
	}
	same := func() {
		t.Helper()
		b, err := io.ReadAll(io.NewSectionReader(host, 0, 1<<20))
		k.must(err)
		k.wantContent(reader, string(b))
	}
	same()
	w := k.openFile("a", rw)
	k.writeAt(w, "ZZZ", 3)
	same()
	k.wantContent(reader, "conZZZt of a")
	k.must(w.Sync(k.ctx))
	k.must(k.v.SetAttr(k.ctx, k.lookup("a").ID, volume.Change{Size: ptr(int64(4))}))
	same()
	k.must(w.Flush(k.ctx))
	k.must(w.Close(k.ctx))
	truncating := k.openFile("a", volume.OpenHow{Write: true, Truncate: true})
	same()
	k.writeAt(truncating, "again", 0)
	same()
	k.must(truncating.Close(k.ctx))
	k.must(k.rename("a", "c"))
	w = k.openFile("c", rw)
	k.writeAt(w, "A", 0)
	same()
	k.wantContent(reader, "Again")
	k.must(k.rename("b", "c"))
	k.writeAt(w, "removed", 0)
	same()
	k.must(w.Close(k.ctx))
	same()
	k.wantFile("c", "content of b")
}

func ptr[T any](v T) *T { return &v }

func TestFlushWaitsNoLongerThanItsContext(t *testing.T) {
	k := newKit(t, nil)
	h := k.create("a")
	k.writeAt(h, "x", 0)
	release := make(chan struct{})
	k.failOn(RequestWrite, fault{block: release})
	ctx, cancel := contextWithTimeout(k, 20*time.Millisecond)
	defer cancel()
	if err := h.Flush(ctx); !isCanceled(err) {
		t.Fatal(err)
	}
	close(release)
	k.must(h.Flush(k.ctx)) // joins the same upload
	k.wantObject("a", "x")
	if n := k.requests()[RequestWrite]; n != 1 {
		t.Fatalf("%d uploads", n)
	}
	k.must(h.Close(k.ctx))
}

// What is written during an upload is in the next one.
func TestWriteDuringUpload(t *testing.T) {
	k := newKit(t, nil)
	h := k.create("a")
	k.writeAt(h, "one", 0)
	started, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	k.setDuring(func(r Request, _ string) {
		if r == RequestAttributes { // after the content
			once.Do(func() { close(started); <-release })
		}
	})
	done := make(chan error)
	go func() { done <- h.Flush(k.ctx) }()
	<-started
	k.writeAt(h, "two", 0)
	close(release)
	k.must(<-done)
	k.must(h.Flush(k.ctx))
	k.wantObject("a", "two")
	k.must(h.Close(k.ctx))
}

func TestStageIsBounded(t *testing.T) {
	k := newKit(t, func(c *Config) { c.StageBytes = 100 }, "a")
	h := k.create("b")
	k.writeAt(h, "0123456789", 0)
	_, err := h.WriteAt(k.ctx, make([]byte, 10), 91)
	k.wantErr(err, syscall.ENOSPC)
	k.wantErr(k.v.SetAttr(k.ctx, k.lookup("b").ID, volume.Change{Size: ptr(int64(101))}), syscall.ENOSPC)
	k.must(h.Flush(k.ctx))
	k.wantObject("b", "0123456789")
	k.wantFile("a", "content of a")
	k.must(h.Close(k.ctx))
	if _, staged := k.v.(*writable).disk.Used(); staged != 0 {
		t.Fatalf("%d bytes are staged", staged)
	}
	k.put("big", string(make([]byte, 150)))
	w := k.openFile("big", rw)
	defer w.Close(k.ctx)
	_, err = w.WriteAt(k.ctx, []byte("x"), 0)
	k.wantErr(err, syscall.ENOSPC)
	k.wantContent(w, string(make([]byte, 150)))
}

// The last handles are closed at once: one of them uploads what was written.
func TestLastClosesAtOnce(t *testing.T) {
	k := newKit(t, nil)
	for i := range 300 {
		name := fmt.Sprint(i)
		handles := []volume.Handle{k.create(name)}
		for range 3 {
			handles = append(handles, k.openFile(name, rw))
		}
		k.writeAt(handles[0].(volume.WritableHandle), "x", 0)
		start := make(chan struct{})
		var wg sync.WaitGroup
		for _, h := range handles {
			wg.Go(func() { <-start; k.check(h.Close(k.ctx)) })
		}
		close(start)
		wg.Wait()
		k.wantObject(name, "x")
	}
}
