package blob

import (
	"context"
	"errors"
	"fmt"

	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/directfs/runsc/pkg/volume"
)

// What an application sees of a store that fails, small objects and large ones.
func TestReadFaults(t *testing.T) {
	for name, c := range map[string]struct {
		r    Request
		x    fault
		want error
	}{
		"error":               {RequestRead, fault{before: errFault}, syscall.EIO},
		"refused connection":  {RequestRead, fault{before: syscall.ECONNREFUSED}, syscall.EIO},
		"error in the middle": {RequestRead, fault{after: errFault}, syscall.EIO},
		"short":               {RequestRead, fault{short: 3}, syscall.EIO},
		"empty":               {RequestRead, fault{short: 1 << 30}, syscall.EIO},
		"time-out":            {RequestRead, fault{block: make(chan struct{})}, context.DeadlineExceeded},
	} {
		for _, size := range []int{100, 3 * chunkBytes} {
			t.Run(fmt.Sprintf("%s, %d bytes", name, size), func(t *testing.T) {
				k := newKit(t, func(c *Config) { smallCache(c); c.RequestTimeout = 50 * time.Millisecond; c.MinRate = 1 << 40 })
				content := large(size)
				k.put("a", content)
				k.failOn(c.r, c.x)
				h, err := k.v.Open(k.ctx, k.lookup("a").ID, ro)
				if err == nil {
					defer h.Close(k.ctx)
					_, err = k.all(h)
				}
				if !errors.Is(err, c.want) || errors.Is(err, syscall.ECONNREFUSED) {
					t.Fatalf("error %v, want %v", err, c.want)
				}
				k.heal()
				k.wantFile("a", content)
			})
		}
	}
}

func TestTooManyBytes(t *testing.T) {
	k := newKit(t, nil, "a")
	k.failOn(RequestRead, fault{extra: 5})
	_, err := k.v.Open(k.ctx, k.lookup("a").ID, ro)
	k.wantErr(err, syscall.EIO)
}

func TestListFaults(t *testing.T) {
	k := newKit(t, nil, "d/a")
	k.failOn(RequestList, fault{before: errFault})
	_, err := k.v.ReadDir(k.ctx, k.lookup("d").ID, "", 10)
	k.wantErr(err, syscall.EIO)
	k.heal()
	k.wantNames("d", "a")
}

func TestObjectThatIsGone(t *testing.T) {
	k := newKit(t, nil, "a", "b")
	k.must(k.inner.Delete(k.ctx, "a"))
	_, err := k.v.Open(k.ctx, k.lookup("a").ID, ro)
	k.wantErr(err, syscall.ENOENT)
	k.wantNames("", "b")
}

// The store says that it has the object and has something else.
func TestUploadIsVerified(t *testing.T) {
	k := newKit(t, nil)
	h := k.create("a")
	k.writeAt(h, "0123456789", 0)
	k.setDuring(func(r Request, key string) {
		if r == RequestAttributes {
			a, _ := k.inner.Attributes(k.ctx, key)
			k.inner.WriteAll(k.ctx, key, []byte("0123"), writerWith("x/y", a.Metadata))
		}
	})
	k.wantErr(h.Flush(k.ctx), syscall.EIO)
	k.setDuring(nil)
	k.must(h.Flush(k.ctx))
	k.wantObject("a", "0123456789")
	k.must(h.Close(k.ctx))
}

// Each request of each change fails once, before and after it was done. After an
// error the volume says what the store has, and another try succeeds.
func TestEveryRequestFails(t *testing.T) {
	for name, do := range map[string]func(k *kit) error{
		"write": func(k *kit) error {
			h, err := k.v.Open(k.ctx, k.lookup("d/a").ID, rw)
			if err != nil {
				return err
			}
			defer h.Close(k.ctx)
			_, err = h.(volume.WritableHandle).WriteAt(k.ctx, []byte("new"), 0)
			return errors.Join(err, h.(volume.WritableHandle).Flush(k.ctx))
		},
		"remove":     func(k *kit) error { return k.remove("d/a", false) },
		"mkdir":      func(k *kit) error { _, err := k.v.Mkdir(k.ctx, k.lookup("d").ID, "n", volume.NewFile{}); return err },
		"rename":     func(k *kit) error { return k.rename("d/a", "b") },
		"rename dir": func(k *kit) error { return k.rename("d", "e") },
	} {
		for _, after := range []bool{false, true} {
			for n := range 12 {
				t.Run(fmt.Sprintf("%s, request %d, done %v", name, n, after), func(t *testing.T) {
					k := newKit(t, nil, "d/a")
					k.lookup("d/a")
					i := -1
					k.set(func(r Request, _ string) fault {
						if i++; i != n {
							return fault{}
						}
						if after && r != RequestList {
							return fault{after: errFault}
						}
						return fault{before: errFault}
					})
					err := do(k)
					k.heal()
					k.relist()
					if first := err; err != nil {
						checkAgrees(k)
						// What was done although it failed is there now.
						both := strings.Contains(first.Error(), "both directories are there")
						if err := do(k); err != nil && !after && !both {
							t.Fatalf("another try: %v, the first: %v", err, first)
						}
					}
					checkAgrees(k)
				})
			}
		}
	}
}

// checkAgrees compares the volume with the bucket.
func checkAgrees(k *kit) {
	k.t.Helper()
	k.relist()
	it := k.inner.List(nil)
	for {
		o, err := it.Next(k.ctx)
		if err != nil {
			return
		}
		a, err := k.tryLookup(o.Key)
		if err != nil || !a.Mode.IsDir() && a.Size != o.Size {
			k.t.Fatalf("object %s of %d bytes is %+v, %v", o.Key, o.Size, a, err)
		}
	}
}

func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=300k"); err != nil {
		t.Skip("a file system of its own needs privileges: ", err)
	}
	defer syscall.Unmount(dir, syscall.MNT_DETACH)
	k := newKit(t, func(c *Config) { c.Dir = dir }, "small")
	content := large(500 << 10)
	k.put("big", content)
	k.wantFile("big", content) // without the cache
	huge := large(3 << 20)
	k.put("huge", huge)
	k.wantFile("huge", huge)
	if cache, _ := k.v.(*writable).disk.Used(); cache != 0 {
		t.Fatalf("%d bytes are counted of what was not kept", cache)
	}
	h := k.create("new")
	_, err := h.WriteAt(k.ctx, []byte(content), 0)
	k.wantErr(err, syscall.ENOSPC)
	k.wantFile("small", "content of small")
	k.must(k.v.SetAttr(k.ctx, k.lookup("new").ID, volume.Change{Size: ptr(int64(0))}))
	k.writeAt(h, "fits", 0)
	k.must(h.Flush(k.ctx))
	k.wantObject("new", "fits")
	k.must(h.Close(k.ctx))
	k.must(k.v.Close(k.ctx))
	k.c.Dir = t.TempDir()
	k.open()
}
