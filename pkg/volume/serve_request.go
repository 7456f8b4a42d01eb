package volume

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"runtime/debug"
	"time"

	"github.com/directfs/runsc/pkg/volume/handoff"
)

// find calls a Resolver for a request. Errors are *handoff.Error.
func find(ctx context.Context, resolve Resolver, r handoff.Request) (Source, error) {
	s, err := resolve(ctx, Request(r))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Source{}, refusal(handoff.UnknownVolume, err)
	case errors.Is(err, fs.ErrPermission):
		return Source{}, refusal(handoff.Refused, err)
	case err != nil:
		return Source{}, unavailable(err)
	case s.Open == nil:
		return Source{}, unavailable(errors.New("the backend's Source has no Open"))
	case s.ReadOnly && !r.ReadOnly:
		return Source{}, refusal(handoff.Refused, errors.New("the volume can only be read; make the mount read-only (mount option ro)"))
	}
	return s, nil
}

func refusal(kind handoff.Kind, err error) error {
	return &handoff.Error{Kind: kind, Text: err.Error()}
}

func unavailable(err error) error { return refusal(handoff.Unavailable, err) }

// refuse sends the reply for an error.
func refuse(ctx context.Context, c *net.UnixConn, o ServeOptions, err error) {
	ctx, cancel := context.WithTimeout(ctx, o.RequestTimeout)
	defer cancel()
	if err := handoff.Refuse(err).Send(ctx, c, nil); err != nil {
		o.Logger.Debug("nobody waits for the refusal", "error", err)
	}
}

// within calls a backend, which gets a context with a deadline and may not care
// for it.
func within[T any](ctx context.Context, log *slog.Logger, d time.Duration, f func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, d)
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		defer cancel()
		v, err := guard(log, func() (T, error) { return f(ctx) })
		done <- result{v, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
	}
	select {
	case r := <-done: // it was done in time, and has canceled the context
		return r.value, r.err
	default:
		var none T
		return none, unavailable(fmt.Errorf("no answer from the backend within %v: %w", d, ctx.Err()))
	}
}

// guard makes an error of a backend's panic.
func guard[T any](log *slog.Logger, f func() (T, error)) (v T, err error) {
	defer func() {
		if p := recover(); p != nil {
			log.Error("the backend panicked", "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("the backend panicked: %v", p)
		}
	}()
	return f()
}

func event(t EventType, r handoff.Request, err error) Event {
	e := Event{Type: t, Sandbox: r.Sandbox, Container: r.Container, Volume: r.Volume, Err: err}
	if err != nil {
		e.Refusal = string(handoff.Refuse(err).Refusal)
	}
	return e
}

func attrs(r handoff.Request) []any {
	return []any{"volume", r.Volume, "container", r.Container, "sandbox", r.Sandbox, "mount", r.Mount}
}
