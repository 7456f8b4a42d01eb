package blob

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/directfs/runsc/pkg/volume"
)

// Many change the same few names at once. Nobody else writes, so nothing may be
// taken for another writer, nothing may hang, and in the end the bucket has what
// the volume says.
func TestManyAtOnce(t *testing.T) {
	for name, change := range map[string]func(c *Config){
		"cached":      func(c *Config) { c.PrefetchFiles = 16 },
		"small cache": func(c *Config) { c.CacheObjectBytes, c.CacheBytes = 64, 256; c.PrefetchFiles = 16 },
		"short TTL":   func(c *Config) { c.ListTTL = time.Microsecond },
	} {
		t.Run(name, func(t *testing.T) {
			seen := &counter{}
			k := newKit(t, func(c *Config) { change(c); c.Observer = seen }, "d/0", "d/1", "e/0")
			var wg sync.WaitGroup
			for i := range 8 {
				wg.Go(func() {
					r := rand.New(rand.NewPCG(uint64(i), 3))
					for range 150 {
						if err := k.anything(r); err != nil && !expected(err) {
							t.Error(err)
						}
					}
				})
			}
			wg.Wait()
			if n := seen.get("conflict"); n > 0 {
				t.Errorf("%d conflicts without another writer", n)
			}
			checkAgrees(k)
			if left := k.staged(); len(left) > 0 {
				t.Errorf("left staged: %v", left)
			}
			w := k.v.(*writable)
			if len(w.inodes) > 0 || len(w.byKey) > 0 || len(w.fresh) > 0 || len(w.locked.held) > 0 {
				t.Errorf("left: %v %v %v %v", w.inodes, w.byKey, w.fresh, w.locked.held)
			}
			cache, staged := w.disk.Used()
			if staged != 0 || cache > w.c.CacheBytes {
				t.Errorf("%d bytes cached, %d staged", cache, staged)
			}
		})
	}
}

func expected(err error) bool {
	for _, e := range []error{fs.ErrExist, fs.ErrNotExist, syscall.ENOTEMPTY, syscall.EISDIR, syscall.ENOTDIR, syscall.ESTALE, syscall.EINVAL} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func (k *kit) anything(r *rand.Rand) error {
	dirs := []string{"d", "e", "f"}
	dir, err := k.tryLookup(dirs[r.IntN(3)])
	if err != nil {
		root, _ := k.tryLookup("")
		_, err = k.v.Mkdir(k.ctx, root.ID, "f", volume.NewFile{})
		return err
	}
	name, other := fmt.Sprint(r.IntN(3)), fmt.Sprint(r.IntN(3))
	switch r.IntN(8) {
	case 0:
		return k.v.Remove(k.ctx, dir.ID, name, false)
	case 1:
		to, err := k.tryLookup(dirs[r.IntN(3)])
		if err != nil {
			return err
		}
		return k.v.Rename(k.ctx, dir.ID, name, to.ID, other, false)
	case 2:
		root, _ := k.tryLookup("")
		return k.v.Rename(k.ctx, root.ID, dirs[r.IntN(3)], root.ID, dirs[r.IntN(3)], false)
	case 3:
		_, err := k.v.ReadDir(k.ctx, dir.ID, "", 10)
		return err
	case 4:
		a, err := k.v.Lookup(k.ctx, dir.ID, name)
		if err != nil {
			return err
		}
		return k.v.SetAttr(k.ctx, a.ID, volume.Change{Size: ptr(int64(r.IntN(200)))})
	}
	h, err := k.any(dir.ID, name)
	if err != nil {
		return err
	}
	defer h.Close(k.ctx)
	if host := h.(volume.FileDonor).HostFile(); host != nil {
		host.Stat()
	}
	if _, err := h.WriteAt(k.ctx, []byte(strings.Repeat("x", r.IntN(100))), int64(r.IntN(50))); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	if _, err := k.all(h); err != nil {
		return fmt.Errorf("read: %w", err)
	}
	if err := h.Flush(k.ctx); err != nil {
		return fmt.Errorf("flush: %w", err)
	}
	return nil
}

func (k *kit) any(dir volume.ID, name string) (volume.WritableHandle, error) {
	a, err := k.v.Lookup(k.ctx, dir, name)
	if err != nil {
		_, h, err := k.v.Create(k.ctx, dir, name, volume.NewFile{}, rw)
		return h, err
	}
	h, err := k.v.Open(k.ctx, a.ID, rw)
	if err != nil {
		return nil, err
	}
	return h.(volume.WritableHandle), nil
}
