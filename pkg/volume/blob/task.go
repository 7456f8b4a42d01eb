package blob

import (
	"context"
	"slices"
	"sync"
)

// task is work that goes on when who waits for it gives up.
type task struct {
	done   chan struct{}
	cancel context.CancelFunc
	err    error
}

// start runs f in the volume's context. The caller must know that the volume is
// not closed.
func (v *tree) start(f func(ctx context.Context) error) *task {
	ctx, cancel := context.WithCancel(v.ctx)
	t := &task{done: make(chan struct{}), cancel: cancel}
	v.tasks.Add(1)
	go func() {
		defer v.tasks.Done()
		defer cancel()
		t.err = f(ctx)
		close(t.done)
	}()
	return t
}

// wait returns the task's error, or that of the context.
func (t *task) wait(ctx context.Context) error {
	select {
	case <-t.done:
		return t.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// mutex is a lock that is waited for no longer than a context allows.
type mutex chan struct{}

func newMutex() mutex { return make(mutex, 1) }

func (m mutex) lock(ctx context.Context) error {
	select {
	case m <- struct{}{}:
		return nil
	default:
	}
	select {
	case m <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (m mutex) unlock() { <-m }

// keyLocks is a lock for each key.
type keyLocks struct {
	mu   sync.Mutex
	held map[string]chan struct{}
}

// lock locks keys, in an order that is always the same.
func (l *keyLocks) lock(ctx context.Context, keys ...string) (unlock func(), err error) {
	slices.Sort(keys)
	keys = slices.Compact(keys)
	for i, key := range keys {
		if err := l.one(ctx, key); err != nil {
			l.unlock(keys[:i])
			return nil, err
		}
	}
	return func() { l.unlock(keys) }, nil
}

func (l *keyLocks) one(ctx context.Context, key string) error {
	for {
		l.mu.Lock()
		busy := l.held[key]
		if busy == nil {
			l.held[key] = make(chan struct{})
		}
		l.mu.Unlock()
		if busy == nil {
			return nil
		}
		select {
		case <-busy:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (l *keyLocks) unlock(keys []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, key := range keys {
		close(l.held[key])
		delete(l.held, key)
	}
}

// holdNames holds the names of directories, for a change of one.
func (v *tree) holdNames(ctx context.Context, dirs ...string) (done func(), err error) {
	if err := v.names.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	unlock, err := v.locked.lock(ctx, dirs...)
	if err != nil {
		v.names.Release(1)
		return nil, err
	}
	return func() { unlock(); v.names.Release(1) }, nil
}
