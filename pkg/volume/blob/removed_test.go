package blob

import (
	"runtime"
	"sync"
	"syscall"
	"testing"

	"github.com/directfs/runsc/pkg/volume"
)

// A file that is opened while it is removed is not the next one with its name.
func TestRemovedIsNotTheNext(t *testing.T) {
	k := newKit(t, nil)
	k.put("a", "the old one")
	id := k.lookup("a").ID
	w := k.v.(*writable)
	opened := make(chan error, 1)
	var once, next sync.Once
	k.setDuring(func(r Request, key string) {
		switch r {
		case RequestDelete: // the removal has looked for handles
			once.Do(func() { k.openMeanwhile(w, id, opened) })
		case RequestRead:
			next.Do(func() { k.put("a", "the next one") })
		}
	})
	k.must(k.remove("a", false))
	k.wantErr(<-opened, syscall.ESTALE)
	k.relist()
	k.wantFile("a", "the next one")
}

// openMeanwhile begins to open and read a file, and returns when it is in use.
func (k *kit) openMeanwhile(w *writable, id volume.ID, opened chan<- error) {
	go func() {
		h, err := k.v.Open(k.ctx, id, rw)
		if err == nil {
			_, err = k.all(h)
			h.Close(k.ctx)
		}
		opened <- err
	}()
	for !w.hasHandle(id) {
		runtime.Gosched()
	}
}

func (v *tree) hasHandle(id volume.ID) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.inodes[id] != nil && v.inodes[id].handles > 0
}
