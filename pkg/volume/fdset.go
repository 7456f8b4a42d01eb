package volume

import (
	"maps"
	"slices"
	"sync"

	"gvisor.dev/gvisor/pkg/lisafs"
)

// fdSet is the open FDs of a client. The engine loses one if a client tampers
// with a walk: it takes the FD's number from the shared memory and panics, because
// that is no control FD's (pkg/lisafs/connection.go, removeControlFDLocked).
type fdSet struct {
	mu  sync.Mutex
	all map[*lisafs.OpenFD]struct{}
}

// add is called before the engine knows the FD, and may close it.
func (o *fdSet) add(fd *lisafs.OpenFD) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.all == nil {
		o.all = map[*lisafs.OpenFD]struct{}{}
	}
	o.all[fd] = struct{}{}
}

func (o *fdSet) remove(fd *lisafs.OpenFD) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.all, fd)
}

// closeLost closes what the engine did not, when the connection has ended. All
// that is left of these FDs is the connection's own reference.
func (o *fdSet) closeLost() {
	o.mu.Lock()
	lost := slices.Collect(maps.Keys(o.all))
	o.mu.Unlock()
	for _, fd := range lost {
		fd.DecRef(nil)
	}
}
