package volume

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

func newCalls(timeout time.Duration, n int) *calls {
	return &calls{timeout: timeout, max: n, report: newReporter(slog.New(slog.DiscardHandler), "/data")}
}

func TestAttempt(t *testing.T) {
	failure := errors.New("failed")
	for _, test := range []struct {
		name  string
		fn    func(context.Context) (int, error)
		value int
		errno unix.Errno
		text  string
		after time.Duration
	}{
		{"value", func(context.Context) (int, error) { return 1, nil }, 1, 0, "", 0},
		{"value with an error", func(context.Context) (int, error) { return 1, failure }, 1, unix.EIO, "failed", 0},
		{"panic", func(context.Context) (int, error) { panic("oops") }, 0, unix.EIO, "panic: oops\n", 0},
		{"end of the goroutine", func(context.Context) (int, error) { runtime.Goexit(); return 1, nil }, 0, unix.EIO, "ended its goroutine", 0},
		{"heeds its context", func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, ctx.Err() }, 0, unix.ETIMEDOUT, "deadline", time.Second},
		{"heeds it late", func(ctx context.Context) (int, error) { <-ctx.Done(); time.Sleep(grace / 2); return 2, nil }, 2, 0, "", time.Second + grace/2},
		{"does not heed it", func(context.Context) (int, error) { time.Sleep(time.Minute); return 3, nil }, 0, unix.ETIMEDOUT, "abandoned", time.Second + grace},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCalls(time.Second, 1)
				begin := time.Now()
				v, err := attempt(c, test.fn, nil)
				if took := time.Since(begin); took != test.after {
					t.Errorf("took %v, want %v", took, test.after)
				}
				if v != test.value || test.errno == 0 && err != nil {
					t.Errorf("got %v, %v, want %v", v, err, test.value)
				}
				if test.errno != 0 && (toErrno(err) != test.errno || !strings.Contains(err.Error(), test.text)) {
					t.Errorf("got %v (%v), want %v with %q", err, toErrno(err), test.errno, test.text)
				}
				time.Sleep(time.Hour) // so that every call returns
			})
		})
	}
}

// TestLate: what comes after all goes to late, once, and the call counts until
// then.
func TestLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCalls(time.Second, 1)
		var late atomic.Int64
		slow := func(context.Context) (int64, error) { time.Sleep(time.Minute); return 7, nil }
		if _, err := attempt(c, slow, func(v int64) { late.Add(v) }); !errors.Is(err, errAbandoned) {
			t.Fatalf("got %v, want %v", err, errAbandoned)
		}
		begin := time.Now()
		if _, err := attempt(c, slow, func(v int64) { late.Add(v) }); toErrno(err) != unix.EBUSY || time.Since(begin) != 0 {
			t.Errorf("got %v after %v, want EBUSY at once", err, time.Since(begin))
		}
		time.Sleep(time.Minute)
		if late.Load() != 7 {
			t.Errorf("late got %d, want 7", late.Load())
		}
		if v, err := attempt(c, func(context.Context) (int, error) { return 1, nil }, nil); v != 1 || err != nil {
			t.Errorf("afterwards got %d, %v", v, err)
		}
		if err := c.drain(); err != nil {
			t.Error(err)
		}
	})
}

// countedHandle counts how often it is closed.
type countedHandle struct {
	fakeHandle
	closed atomic.Int32
	wait   time.Duration
}

func (h *countedHandle) Close(context.Context) error {
	time.Sleep(h.wait)
	h.closed.Add(1)
	return errors.New("not closed well")
}

func TestDrain(t *testing.T) {
	for _, test := range []struct {
		name string
		wait time.Duration
		want error
	}{
		{"in time", time.Second / 2, nil},
		{"too late", time.Hour, errLeft},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCalls(time.Second, 1)
				h := &countedHandle{wait: test.wait}
				var given atomic.Int32
				c.release("id", h, func() { given.Add(1) })
				begin := time.Now()
				if err := c.drain(); !errors.Is(err, test.want) {
					t.Errorf("got %v, want %v", err, test.want)
				}
				if took, want := time.Since(begin), min(test.wait, time.Second+grace); took != want {
					t.Errorf("took %v, want %v", took, want)
				}
				time.Sleep(time.Hour)
				if h.closed.Load() != 1 || given.Load() != 1 {
					t.Errorf("closed %d times, gave back %d times", h.closed.Load(), given.Load())
				}
			})
		})
	}
}

// TestHandleOutlivesItsCalls: a handle is not closed beside an abandoned call.
func TestHandleOutlivesItsCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &Mount{calls: newCalls(time.Second, 2)}
		m.report = m.calls.report
		h := &countedHandle{}
		held := newHeld(m, "id", h, OpenHow{Read: true})
		_, err := using(held, "read", func(context.Context) (int, error) { time.Sleep(time.Minute); return 0, nil })
		if err != unix.ETIMEDOUT {
			t.Errorf("got %v, want ETIMEDOUT", err)
		}
		held.drop()
		synctest.Wait()
		if h.closed.Load() != 0 {
			t.Error("closed while a call was running")
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if h.closed.Load() != 1 {
			t.Errorf("closed %d times, want once", h.closed.Load())
		}
	})
}

func TestReporterLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &logBuffer{}
		r := newReporter(slog.New(slog.NewTextHandler(log, nil)), "/data")
		for range 1000 {
			r.warn("again")
		}
		if n := strings.Count(log.String(), "again"); n != reportBurst {
			t.Errorf("logged %d, want %d", n, reportBurst)
		}
		time.Sleep(reportInterval)
		r.warn("later")
		r.warn("later")
		if want := "suppressed=980"; !log.has(want) || strings.Count(log.String(), "later") != 1 {
			t.Errorf("want one more, with %q: %s", want, log)
		}
		time.Sleep(reportInterval)
		r.warn("last")
		if want := "msg=last mount=/data suppressed=1\n"; !log.has(want) {
			t.Errorf("want %q: %s", want, log)
		}
	})
}
