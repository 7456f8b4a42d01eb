package volume

import (
	"context"
	"errors"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// held is a handle that is closed when nobody uses it any more: the open FD and
// the calls that have not returned, abandoned ones included. So a volume need not
// expect Close beside another call.
type held struct {
	handle Handle
	write  WritableHandle // nil if it was not opened for writing
	m      *Mount
	id     ID
	users  atomic.Int32
}

// newHeld is used by the caller, who must drop it.
func newHeld(m *Mount, id ID, h Handle, how OpenHow) *held {
	v := &held{handle: h, m: m, id: id}
	if how.Write {
		v.write = h.(WritableHandle)
	}
	v.users.Store(1)
	return v
}

func (h *held) drop() {
	if h.users.Add(-1) == 0 {
		h.m.calls.release(h.id, h.handle, h.m.open.give)
	}
}

// using makes a call to a handle, which is kept open until the call returns.
func using[T any](h *held, what string, fn func(context.Context) (T, error)) (T, error) {
	h.users.Add(1)
	v, err := attempt(h.m.calls, func(ctx context.Context) (T, error) {
		defer h.drop()
		return fn(ctx)
	}, nil)
	if errors.Is(err, errBusy) {
		h.drop() // the call was not made
	}
	return v, h.m.report.errno(op{what, h.id, ""}, err)
}

// opened is what a call that opens a file returns.
type opened struct {
	attr   Attr // where the file was created
	handle Handle
	host   hostFD
}

// opening makes a call that opens a file, if there is room for one more open
// file. What it opens is closed if it fails, or comes too late.
func (m *Mount) opening(o op, how OpenHow, open func(context.Context) (opened, error)) (opened, error) {
	if !m.open.take() {
		m.report.warn("sandbox has too many open files", "limit", m.open.max)
		return opened{}, unix.ENFILE
	}
	v, err := attempt(m.calls, func(ctx context.Context) (opened, error) {
		v, err := open(ctx)
		if err == nil {
			err = checkHandle(v.handle, how)
		}
		return v, err
	}, func(v opened) { v.discard(m, o) })
	if err != nil && !errors.Is(err, errAbandoned) {
		v.discard(m, o)
	}
	return v, m.report.errno(o, err)
}

// discard closes what nobody is going to use, and makes room.
func (v opened) discard(m *Mount, o op) {
	v.host.close()
	if v.handle == nil {
		m.open.give()
		return
	}
	m.calls.release(o.id, v.handle, m.open.give)
}

// checkHandle checks that a handle can be what it was opened for.
func checkHandle(h Handle, how OpenHow) error {
	if h == nil {
		return broken("opening returned neither a handle nor an error")
	}
	if _, ok := h.(WritableHandle); how.Write && !ok {
		return broken("opening for writing returned a %T, which is no WritableHandle", h)
	}
	return nil
}
