package volume

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/directfs/runsc/pkg/volume/handoff"
)

// Serve serves volumes to the runtimes on this machine until the context ends. A
// daemon is little more than Listen and Serve.
//
// Each sandbox has a process of its own, a worker, so that what one sandbox does
// to its server is no other's concern. A worker is the same program, started
// again with the same arguments and environment: whatever the program does
// before Serve is done again in it, where Listen does nothing and Serve serves
// the sandbox's mounts and never returns. [Listener.IsWorker] tells them apart.
// The daemon's own process calls resolve and Source.Check for runtimes that ask,
// and opens nothing.
//
// Within a sandbox, a name is one volume: it is opened for the first mount,
// shared by all, and closed when the last one has ended. Mounts for which the
// Source is ReadOnly share another one.
//
// When the context ends, the socket is removed, so that another daemon can take
// its place at once. The mounts go on for DrainTimeout. Then their connections
// are ended, and the volumes closed. Serve returns when all workers have ended.
// A worker whose own context ends does the same. If the daemon's process is
// killed, so are the workers.
func Serve(ctx context.Context, l *Listener, resolve Resolver, o ServeOptions) error {
	o, err := o.complete()
	if err != nil {
		return errors.Join(err, l.Close())
	}
	if l.IsWorker() {
		return work(ctx, l.path, resolve, o)
	}
	d := &daemon{
		l: l, resolve: resolve, o: o, pool: newPool(l.path, o),
		connections: make(chan struct{}, o.Connections), asks: make(chan struct{}, o.Asks),
	}
	return d.run(ctx)
}

type daemon struct {
	l       *Listener
	resolve Resolver
	o       ServeOptions
	pool    *pool

	connections chan struct{} // one element for each that is listened to
	asks        chan struct{} // one for each that waits for the backend
	handlers    sync.WaitGroup
}

func (d *daemon) run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = d.l.Close() })
	defer stop()
	d.o.Logger.Info("serving volumes", "socket", d.l.path)
	d.accept(ctx)
	err := d.l.Close()
	d.handlers.Wait()
	d.pool.drain()
	d.o.Logger.Info("stopped serving volumes", "socket", d.l.path)
	return err
}

// accept goes on until the context ends.
func (d *daemon) accept(ctx context.Context) {
	for {
		select {
		case d.connections <- struct{}{}:
		case <-ctx.Done():
			return
		}
		c, err := d.l.socket.AcceptUnix()
		if err != nil {
			<-d.connections
			if !d.pause(ctx, err) {
				return
			}
			continue
		}
		d.handlers.Go(func() {
			defer func() { <-d.connections }()
			d.handle(context.WithoutCancel(ctx), c)
		})
	}
}

// pause waits until accepting may work again: there may be no FDs now.
func (d *daemon) pause(ctx context.Context, err error) bool {
	if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
		return false
	}
	d.o.Logger.Error("cannot accept a connection", "error", err)
	select {
	case <-time.After(100 * time.Millisecond):
		return true
	case <-ctx.Done():
		return false
	}
}

// handle answers one request, or lets a worker do it, who then has the
// connection.
func (d *daemon) handle(ctx context.Context, c *net.UnixConn) {
	in, err := d.receive(ctx, c)
	switch {
	case err != nil:
	case in.Operation == handoff.OpAsk:
		err = d.answer(ctx, c, in.Request)
	default:
		if err = d.pool.attach(c, in); err == nil {
			return
		}
	}
	if err != nil && !errors.Is(err, io.EOF) {
		d.refuse(ctx, c, in.Request, err)
	}
	c.Close()
}

func (d *daemon) receive(ctx context.Context, c *net.UnixConn) (handoff.Incoming, error) {
	own := uint32(os.Geteuid())
	err := handoff.CheckPeer(c, func(uid uint32) bool {
		return uid == 0 || uid == own || slices.Contains(d.o.Peers, uid)
	})
	if err != nil {
		return handoff.Incoming{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, d.o.RequestTimeout)
	defer cancel()
	in, err := handoff.Receive(ctx, c)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = refusal(handoff.Malformed, fmt.Errorf("no request within %v", d.o.RequestTimeout))
	}
	return in, err
}

func (d *daemon) answer(ctx context.Context, c *net.UnixConn, r handoff.Request) error {
	info, err := d.ask(ctx, r)
	if err != nil {
		return err
	}
	d.o.Observe(event(EventAsked, r, nil))
	ctx, cancel := context.WithTimeout(ctx, d.o.RequestTimeout)
	defer cancel()
	return handoff.Reply{Info: info}.Send(ctx, c, nil)
}

// ask calls the backend, which may take longer than it is given: those calls are
// bounded.
func (d *daemon) ask(ctx context.Context, r handoff.Request) (handoff.Info, error) {
	select {
	case d.asks <- struct{}{}:
	default:
		return handoff.Info{}, unavailable(fmt.Errorf("the daemon is busy with %d other requests", d.o.Asks))
	}
	return within(ctx, d.o.Logger, d.o.OpenTimeout, func(ctx context.Context) (handoff.Info, error) {
		defer func() { <-d.asks }()
		s, err := find(ctx, d.resolve, r)
		if err != nil {
			return handoff.Info{}, err
		}
		if s.Check != nil {
			if err := s.Check(ctx); err != nil {
				return handoff.Info{}, unavailable(err)
			}
		}
		return handoff.Info{ReadOnly: s.ReadOnly, DonatesRoot: s.DonatesRoot}, nil
	})
}

// refuse says why, if there is somebody to say it to.
func (d *daemon) refuse(ctx context.Context, c *net.UnixConn, r handoff.Request, err error) {
	refuse(ctx, c, d.o, err)
	d.o.Logger.Log(ctx, slog.LevelWarn, "request refused", append(attrs(r), "error", err)...)
	d.o.Observe(event(EventRefused, r, err))
}
