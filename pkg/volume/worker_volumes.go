package volume

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
)

// volumeKey is what mounts that share a volume have in common.
type volumeKey struct {
	name     string
	readOnly bool // the Source is, not the mount
}

// volumes are those that a worker has open.
type volumes struct {
	o ServeOptions

	mu  sync.Mutex
	all map[volumeKey]*openVolume
}

// openVolume is a volume that is open, or about to be opened or closed.
type openVolume struct {
	key    volumeKey
	ready  chan struct{} // closed when volume or err is set
	volume Volume
	err    error
	closed chan struct{} // closed when it is no longer in the list

	users   int // protected by the mutex of volumes; at zero it is closed
	closing sync.Once
}

func newVolumes(o ServeOptions) *volumes {
	return &volumes{o: o, all: map[volumeKey]*openVolume{}}
}

// acquire returns an open volume, for the caller to release. Two of one key are
// never open at once: it waits for one that is about to be closed.
func (vs *volumes) acquire(ctx context.Context, key volumeKey, open func(context.Context) (Volume, error)) (*openVolume, error) {
	v, err := vs.join(ctx, key, open)
	if err != nil {
		return nil, err
	}
	select {
	case <-v.ready:
		err = v.err
	case <-ctx.Done():
		err = fmt.Errorf("it is not open after %v: %w", vs.o.OpenTimeout, ctx.Err())
	}
	if err != nil {
		go vs.release(v)
		return nil, unavailable(err)
	}
	return v, nil
}

// join becomes a user of the volume, which may not be open yet.
func (vs *volumes) join(ctx context.Context, key volumeKey, open func(context.Context) (Volume, error)) (*openVolume, error) {
	for {
		vs.mu.Lock()
		v := vs.all[key]
		if v == nil {
			v = &openVolume{key: key, ready: make(chan struct{}), closed: make(chan struct{})}
			vs.all[key] = v
			go vs.start(v, open)
		} else if v.users == 0 {
			vs.mu.Unlock()
			select {
			case <-v.closed:
				continue
			case <-ctx.Done():
				return nil, unavailable(fmt.Errorf("its last use is not closed after %v: %w", vs.o.OpenTimeout, ctx.Err()))
			}
		}
		v.users++
		vs.mu.Unlock()
		return v, nil
	}
}

// start opens a volume. It may take longer than it should; whoever waits for it
// does not.
func (vs *volumes) start(v *openVolume, open func(context.Context) (Volume, error)) {
	defer close(v.ready)
	ctx, cancel := context.WithTimeout(context.Background(), vs.o.OpenTimeout)
	defer cancel()
	v.volume, v.err = guard(vs.o.Logger, func() (Volume, error) { return open(ctx) })
	if v.err == nil && v.volume == nil {
		v.err = errors.New("the backend returned no volume")
	}
	if v.err != nil {
		vs.forget(v) // who waits for it has failed, and the next one tries again
	}
}

// release ends a use. The last one closes the volume, and returns when that is
// done or takes too long.
func (vs *volumes) release(v *openVolume) {
	vs.mu.Lock()
	v.users--
	last := v.users == 0
	vs.mu.Unlock()
	if last {
		vs.close(v)
	}
}

func (vs *volumes) close(v *openVolume) {
	_, err := within(context.Background(), vs.o.Logger, vs.o.CloseTimeout, func(ctx context.Context) (any, error) {
		var err error
		v.closing.Do(func() {
			defer close(v.closed)
			defer vs.forget(v) // also if the backend panics
			<-v.ready
			if v.err == nil {
				err = v.volume.Close(ctx)
			}
		})
		return nil, err
	})
	if err != nil {
		vs.o.Logger.Error("closing a volume", "volume", v.key.name, "error", err)
	}
}

// forget takes a volume out of the list, unless its place is taken.
func (vs *volumes) forget(v *openVolume) {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	if vs.all[v.key] == v {
		delete(vs.all, v.key)
	}
}

// closeAll closes the volumes that are still in use: the process is about to
// end.
func (vs *volumes) closeAll() {
	vs.mu.Lock()
	open := slices.Collect(maps.Values(vs.all))
	vs.mu.Unlock()
	var all sync.WaitGroup
	for _, v := range open {
		all.Go(func() { vs.close(v) })
	}
	all.Wait()
}
