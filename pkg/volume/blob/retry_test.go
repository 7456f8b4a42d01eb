package blob

import (
	"errors"
	"fmt"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// A store that fails for a while gets what was closed meanwhile, without anybody
// opening it again.
func TestRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := &counter{n: map[string]int{}}
		k := newKit(t, func(c *Config) { c.Observer = seen })
		k.ctx = t.Context() // without the kit's deadline
		k.failOn(RequestWrite, fault{before: errFault})
		for i := range 5 {
			h := k.create(fmt.Sprint(i))
			k.writeAt(h, "text", 0)
			k.wantErr(h.Flush(k.ctx), syscall.EIO)
			h.Close(k.ctx)
		}
		k.requests()
		time.Sleep(time.Hour)
		if n := k.requests()[RequestWrite]; n < 30 || n > 100 {
			t.Errorf("%d attempts in an hour", n)
		}
		if seen.get("waiting") != 5 {
			t.Errorf("%d files are waiting, want 5", seen.get("waiting"))
		}
		k.heal()
		time.Sleep(longestRetry)
		synctest.Wait()
		for i := range 5 {
			k.wantObject(fmt.Sprint(i), "text")
		}
		if seen.get("waiting") != 0 || len(k.staged()) != 0 {
			t.Errorf("%d files are waiting, %v are staged", seen.get("waiting"), k.staged())
		}
		k.requests()
		time.Sleep(time.Hour)
		if n := k.requests(); len(n) != 0 {
			t.Errorf("requests when nothing is waiting: %v", n)
		}
		k.must(k.v.Close(t.Context()))
	})
}

// A file that waits is an ordinary one: it can be changed, removed, and lost to
// another writer; and the volume can be closed.
func TestRetryEnds(t *testing.T) {
	for name, end := range map[string]func(k *kit){
		"removed":  func(k *kit) { k.must(k.remove("a", false)) },
		"conflict": func(k *kit) { k.put("a", "another's") },
		"renamed":  func(k *kit) { k.heal(); k.must(k.rename("a", "b")) },
		"closed":   func(k *kit) { k.must(ignore(k.v.Close(k.ctx), errFault, syscall.EIO)) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				seen := &counter{n: map[string]int{}}
				k := newKit(t, func(c *Config) { c.Observer = seen })
				k.ctx = t.Context()
				k.failOn(RequestWrite, fault{before: errFault})
				h := k.create("a")
				k.writeAt(h, "text", 0)
				h.Close(k.ctx)
				end(k)
				k.heal()
				k.requests()
				time.Sleep(time.Hour)
				if name == "closed" {
					if n := k.requests(); len(n) != 0 {
						t.Errorf("requests of a closed volume: %v", n)
					}
					return
				}
				if seen.get("waiting") != 0 {
					t.Errorf("%d files are waiting", seen.get("waiting"))
				}
				if name == "conflict" {
					k.wantObject("a", "another's")
				}
				k.must(k.v.Close(t.Context()))
			})
		})
	}
}

// A file that waits and is written again is uploaded when its application asks for it, not
// when half of it is written.
func TestRetryOfOpenFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := &counter{}
		k := newKit(t, func(c *Config) { c.Observer = seen })
		k.ctx = t.Context()
		k.failOn(RequestWrite, fault{before: errFault})
		h := k.create("a")
		k.writeAt(h, "text", 0)
		h.Close(k.ctx)
		k.heal()
		h = k.openFile("a", rw)
		k.writeAt(h, "half", 0)
		time.Sleep(time.Hour)
		k.wantNoObject("a")
		k.writeAt(h, " of it", 4)
		k.failOn(RequestWrite, fault{before: errFault})
		h.Close(k.ctx)
		k.heal()
		time.Sleep(longestRetry)
		synctest.Wait()
		k.wantObject("a", "half of it")
		if n := seen.get("waiting"); n != 0 {
			t.Errorf("%d files are waiting", n)
		}
		k.must(k.v.Close(t.Context()))
	})
}

func ignore(err error, some ...error) error {
	for _, e := range some {
		if errors.Is(err, e) {
			return nil
		}
	}
	return err
}
