package volume

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/directfs/runsc/pkg/volume/handoff"
	"github.com/directfs/runsc/pkg/volume/internal/packet"
	"gvisor.dev/gvisor/pkg/log"
)

// ownListener returns the path of the listener that this process is a worker of,
// or "". The processes that a backend starts are not told.
var ownListener = sync.OnceValue(func() string {
	path := os.Getenv(workerVariable)
	_ = os.Unsetenv(workerVariable)
	return path
})

// work is Serve in a worker. It does not return.
func work(ctx context.Context, path string, resolve Resolver, o ServeOptions) error {
	if path != ownListener() {
		select {} // a program with several sockets: other workers are for this one
	}
	w, err := newServer(resolve, o)
	if err != nil {
		o.Logger.Error("worker cannot start", "error", err)
		os.Exit(1)
	}
	w.run(ctx)
	os.Exit(0)
	return nil
}

// server is a worker's side of it. It serves the mounts of one sandbox.
type server struct {
	control *net.UnixConn
	resolve Resolver
	o       ServeOptions
	volumes *volumes
	mounts  mounts
}

func newServer(resolve Resolver, o ServeOptions) (*server, error) {
	control, err := inherit()
	if err != nil {
		return nil, err
	}
	if err := limit(o); err != nil {
		return nil, err
	}
	log.SetTarget(newEngineLog(o.Logger))
	return &server{control: control, resolve: resolve, o: o, volumes: newVolumes(o)}, nil
}

// run serves mounts until the daemon orders no more, or the context ends, and
// there are none.
func (s *server) run(ctx context.Context) {
	last := make(chan struct{})
	go func() {
		defer close(last)
		s.receive()
	}()
	select {
	case <-last:
	case <-ctx.Done():
		s.report(report{State: draining})
	}
	s.drain()
}

// receive takes orders until there are no more.
func (s *server) receive() {
	for {
		message, files, err := packet.Receive(s.control, maxOrder, maxOrderFiles)
		if err != nil {
			return
		}
		o, err := decodeOrder(message)
		if err != nil || len(files) == 0 {
			s.o.Logger.Error("order of the daemon", "error", err, "files", len(files))
			packet.Close(files)
			continue
		}
		end, err := s.mounts.begin(o.id) // before the end of orders is seen
		go s.obey(o, files, end, err)
	}
}

// drain returns when all mounts have ended, by themselves or in the end by
// force, and all volumes are closed, if they can be in time.
func (s *server) drain() {
	defer s.volumes.closeAll()
	gone := s.mounts.drain()
	if done(gone, s.o.DrainTimeout) {
		return
	}
	s.o.Logger.Warn("ending the mounts that are left")
	s.mounts.stop()
	if !done(gone, s.o.CloseTimeout) {
		s.o.Logger.Error("there are mounts that did not end; closing their volumes")
	}
}

func done(c <-chan struct{}, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-c:
		return true
	case <-t.C:
		return false
	}
}

// obey does all that an order needs, from its answer to the end of the mount,
// unless there is an error already. It calls end last.
func (s *server) obey(o order, files []*os.File, end func(), err error) {
	defer end()
	defer packet.Close(files[1:])
	client, connErr := packet.Conn(files[0])
	if connErr != nil {
		s.report(refusedReport(o.id, connErr))
		return
	}
	defer client.Close()
	if err == nil {
		err = s.serve(o, client, files[1:])
	}
	if err != nil {
		s.report(refusedReport(o.id, err))
		refuse(context.Background(), client, s.o, err)
		return
	}
	s.report(report{ID: o.id, State: ended})
}

// serve returns an error if the order is to be refused, and otherwise when the
// mount has ended.
func (s *server) serve(o order, client *net.UnixConn, files []*os.File) error {
	v, err := s.open(o.header.Request)
	if err != nil {
		return err
	}
	defer s.volumes.release(v)
	if o.header.Root {
		return s.lendRoot(o, client, v)
	}
	if len(files) != 1 {
		return unavailable(fmt.Errorf("order with %d sockets", len(files)))
	}
	return s.serveMount(o, client, v, files[0])
}

// open opens the volume, or returns the one that is.
func (s *server) open(r handoff.Request) (*openVolume, error) {
	ctx, cancel := context.WithTimeout(context.Background(), s.o.OpenTimeout)
	defer cancel()
	source, err := within(ctx, s.o.Logger, s.o.OpenTimeout, func(ctx context.Context) (Source, error) {
		return find(ctx, s.resolve, r)
	})
	if err != nil {
		return nil, err
	}
	return s.volumes.acquire(ctx, volumeKey{r.Volume, source.ReadOnly}, source.open)
}

// report tells the daemon. Without one, this process has been killed.
func (s *server) report(r report) {
	if err := packet.Send(s.control, r.encode()); err != nil && !errors.Is(err, os.ErrClosed) {
		s.o.Logger.Error("report to the daemon", "error", err)
	}
}
