package blob

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/directfs/runsc/pkg/volume"
)

// A file that is read in ranges while it is renamed is read on, also in the moment
// when the object with the old key is deleted and the file has not the new one yet.
func TestRangedReadDuringRename(t *testing.T) {
	for from, to := range map[string]string{"d/big": "d/new", "d": "e"} {
		t.Run(from, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				seen := &counter{}
				k := newKit(t, func(c *Config) { smallCache(c); c.Observer = seen })
				content := large(3*chunkBytes + 5)
				k.put("d/big", content)
				k.put("d/other", "text")
				h := k.openFile("d/big", ro)
				defer h.Close(k.ctx)
				before := k.lookup("d/big")
				var reads sync.WaitGroup
				k.setDuring(func(r Request, key string) {
					if r != RequestDelete || key != "d/big" {
						return
					}
					k.must(k.inner.Delete(k.ctx, key))
					reads.Go(func() {
						p := make([]byte, 10)
						if n, err := h.ReadAt(k.ctx, p, 2*chunkBytes); string(p[:n]) != content[2*chunkBytes:2*chunkBytes+10] {
							t.Errorf("read %d bytes, %v", n, err)
						}
					})
					synctest.Wait()
				})
				k.must(k.rename(from, to))
				reads.Wait()
				k.wantContent(h, content)
				if after := k.lookup(strings.Replace("d/big", from, to, 1)); after.ID != before.ID {
					t.Errorf("file %s became %s", before.ID, after.ID)
				}
				if n := seen.get("conflict"); n > 0 {
					t.Errorf("%d conflicts without another writer", n)
				}
			})
		})
	}
}

// Who gives up meanwhile takes nothing from the others.
func TestRangedReadGivesUpDuringRename(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := &counter{}
		k := newKit(t, func(c *Config) { smallCache(c); c.Observer = seen })
		k.ctx = t.Context()
		content := large(3*chunkBytes + 5)
		k.put("big", content)
		h := k.openFile("big", ro)
		defer h.Close(k.ctx)
		k.setDuring(func(r Request, key string) {
			if r != RequestDelete {
				return
			}
			k.must(k.inner.Delete(k.ctx, key))
			ctx, cancel := context.WithTimeout(k.ctx, time.Second)
			defer cancel()
			_, err := h.ReadAt(ctx, make([]byte, 10), 2*chunkBytes+1) // in no order: for itself
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error %v, want %v", err, context.DeadlineExceeded)
			}
		})
		k.must(k.rename("big", "new"))
		k.wantContent(h, content)
		if n := seen.get("conflict"); n > 0 {
			t.Errorf("%d conflicts without another writer", n)
		}
	})
}

// What is read in ranges and replaced by this process meanwhile is no conflict.
func TestRangedReadDuringUpload(t *testing.T) {
	seen := &counter{}
	k := newKit(t, func(c *Config) { smallCache(c); c.Observer = seen })
	k.put("big", large(2*chunkBytes))
	h := k.openFile("big", rw)
	defer h.Close(k.ctx)
	block, begun := make(chan struct{}), make(chan struct{}, 100)
	k.failOn(RequestRead, fault{block: block})
	k.setDuring(func(r Request, _ string) {
		if r == RequestRead {
			begun <- struct{}{}
		}
	})
	var reads sync.WaitGroup
	reads.Go(func() {
		p := make([]byte, 10)
		if n, err := h.ReadAt(k.ctx, p, 0); string(p[:n]) != "text" || err != io.EOF {
			t.Errorf("read %q, %v", p[:n], err)
		}
	})
	<-begun
	k.must(k.v.SetAttr(k.ctx, k.lookup("big").ID, volume.Change{Size: ptr(int64(0))}))
	k.writeAt(h, "text", 0)
	k.must(h.Flush(k.ctx))
	close(block)
	reads.Wait()
	if n := seen.get("conflict"); n > 0 {
		t.Errorf("%d conflicts without another writer", n)
	}
}
