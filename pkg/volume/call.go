package volume

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// grace is how long a call may still take to notice that its context is over. It
// is not abandoned if it does.
const grace = 100 * time.Millisecond

// calls bounds the calls to one volume in time and number.
//
// A call has a goroutine of its own, because it is not known to heed its context.
// This costs about a microsecond, see BenchmarkCall.
type calls struct {
	timeout time.Duration
	max     int
	report  *reporter

	mu      sync.Mutex
	running int           // calls, abandoned ones included
	closing int           // handles that are being closed, see [held]
	idle    chan struct{} // closed when both are zero, if somebody waits
}

// errBusy is for a call that was not made. EAGAIN would be the word for it, but
// see safeErrno.
var errBusy = &fault{unix.EBUSY, "too many calls to the volume have not returned"}

// errAbandoned is for a call that has not returned.
var errAbandoned = fmt.Errorf("the call did not return and was abandoned: %w", context.DeadlineExceeded)

// attempt makes a call, which is abandoned if it does not return in time: then
// late, if there is one, gets what it returned in the end, on any goroutine. Else
// attempt returns the call's own value and error, the value also with an error.
func attempt[T any](c *calls, fn func(context.Context) (T, error), late func(T)) (T, error) {
	var zero T
	if !c.begin() {
		return zero, errBusy
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.timeout)
	r := &result[T]{done: make(chan struct{})}
	go func() {
		defer c.end()
		defer cancel()
		r.run(ctx, fn, late)
	}()
	select {
	case <-r.done:
		return r.value, r.err
	case <-ctx.Done():
		return r.overdue()
	}
}

// result is what a call returned.
type result[T any] struct {
	value T
	err   error
	done  chan struct{}

	// decided is set by whoever comes first: the call that returned, or the
	// caller that abandons it.
	decided atomic.Bool
}

// run makes the call, whose panics are errors. So are those of its error, such as
// a nil pointer, which would panic wherever somebody asks what it is: behind that
// are locks of the engine.
func (r *result[T]) run(ctx context.Context, fn func(context.Context) (T, error), late func(T)) {
	returned := false
	defer func() {
		if !returned {
			r.err = panicked(recover())
		}
		if r.decided.CompareAndSwap(false, true) {
			close(r.done)
		} else if late != nil {
			late(r.value)
		}
	}()
	r.value, r.err = fn(ctx)
	if r.err != nil {
		_ = toErrno(r.err)
	}
	returned = true
}

// panicked is the error of a call that did not return: with a nil value it ended
// its goroutine.
func panicked(v any) error {
	if v == nil {
		return broken("the call ended its goroutine")
	}
	return broken("panic: %v\n%s", v, debug.Stack())
}

// overdue waits a moment for a call whose time is over.
func (r *result[T]) overdue() (T, error) {
	t := time.NewTimer(grace)
	defer t.Stop()
	select {
	case <-r.done:
	case <-t.C:
		if r.decided.CompareAndSwap(false, true) {
			var zero T
			return zero, errAbandoned
		}
		<-r.done
	}
	return r.value, r.err
}

func (c *calls) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running >= c.max {
		return false
	}
	c.running++
	return true
}

func (c *calls) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running--
	c.wake()
}

// wake requires c.mu.
func (c *calls) wake() {
	if c.idle != nil && c.running+c.closing == 0 {
		close(c.idle)
		c.idle = nil
	}
}

// release closes a handle that nobody uses any more, and then calls done. The
// caller does not wait. Handles are bounded by [Limits], so these calls are not
// counted with the others: a handle must be closed whatever else goes on.
func (c *calls) release(id ID, h Handle, done func()) {
	c.mu.Lock()
	c.closing++
	c.mu.Unlock()
	go func() {
		defer c.released(done)
		ctx, cancel := context.WithTimeout(context.Background(), c.timeout)
		defer cancel()
		r := result[struct{}]{done: make(chan struct{})}
		r.run(ctx, func(ctx context.Context) (struct{}, error) { return struct{}{}, h.Close(ctx) }, nil)
		if r.err != nil {
			c.report.warn("closing a file failed", "file", string(id), "error", r.err)
		}
	}()
}

func (c *calls) released(done func()) {
	done()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closing--
	c.wake()
}

// drain waits until all calls have returned, but no longer than one may take.
func (c *calls) drain() error {
	c.mu.Lock()
	if c.running+c.closing == 0 {
		c.mu.Unlock()
		return nil
	}
	if c.idle == nil {
		c.idle = make(chan struct{})
	}
	idle := c.idle
	c.mu.Unlock()
	t := time.NewTimer(c.timeout + grace)
	defer t.Stop()
	select {
	case <-idle:
		return nil
	case <-t.C:
		return errLeft
	}
}

var errLeft = errors.New("calls to the volume have not returned")
