package volume

import (
	"context"
	"errors"
	"net"
	"os"

	"github.com/directfs/runsc/pkg/volume/handoff"
	"golang.org/x/sys/unix"
)

// lisafsServer serves one mount.
type lisafsServer interface {
	// Serve returns when the client has hung up. The socket is its own.
	Serve(socket *os.File) error
}

// newLisafsServer is NewMount; tests of processes have a simpler one.
var newLisafsServer = func(ctx context.Context, v Volume, o MountOptions) (lisafsServer, error) {
	return NewMount(ctx, v, o)
}

// serveMount serves a mount by LisaFS.
func (s *server) serveMount(o order, client *net.UnixConn, v *openVolume, socket *os.File) error {
	r := o.header.Request
	log := s.o.Logger.With(attrs(r)...)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	m, err := within(ctx, log, s.o.OpenTimeout, func(context.Context) (lisafsServer, error) {
		return newLisafsServer(ctx, v.volume, MountOptions{Name: r.Mount, ReadOnly: r.ReadOnly, Limits: s.o.Limits, Logger: log})
	})
	if err != nil {
		return unavailable(err)
	}
	own, err := duplicate(socket)
	if err != nil {
		return unavailable(err)
	}
	defer shutDown(socket) // another FD of it may be open still
	s.mounts.stopBy(o.id, func() { shutDown(socket) })
	if !s.accept(o, client, handoff.Reply{}, nil) {
		own.Close()
		return nil
	}
	log.Info("mount begins", "readOnly", r.ReadOnly)
	err = m.Serve(own)
	log.Info("mount ended", "error", err)
	return nil
}

// lendRoot sends the root of a volume. The mount ends when the client hangs up.
func (s *server) lendRoot(o order, client *net.UnixConn, v *openVolume) error {
	donor, ok := v.volume.(RootDonor)
	if !ok {
		return refusal(handoff.Refused, errors.New("the volume has no root directory to donate"))
	}
	root, err := within(context.Background(), s.o.Logger, s.o.OpenTimeout, donor.RootFile)
	if err != nil {
		return unavailable(err)
	}
	s.mounts.stopBy(o.id, func() { client.Close() })
	if !s.accept(o, client, handoff.Reply{Info: handoff.Info{DonatesRoot: true}}, root) {
		return nil
	}
	s.o.Logger.Info("mount begins, with the root directory", attrs(o.header.Request)...)
	_, _ = client.Read(make([]byte, 1))
	s.o.Logger.Info("mount ended", attrs(o.header.Request)...)
	return nil
}

// accept reports whether somebody waits for the mount.
func (s *server) accept(o order, client *net.UnixConn, r handoff.Reply, root *os.File) bool {
	s.report(report{ID: o.id, State: serving})
	ctx, cancel := context.WithTimeout(context.Background(), s.o.RequestTimeout)
	defer cancel()
	if err := r.Send(ctx, client, root); err != nil {
		s.o.Logger.Warn("nobody waits for the mount any more", append(attrs(o.header.Request), "error", err)...)
		return false
	}
	return true
}

// duplicate returns one more FD of a socket.
func duplicate(f *os.File) (*os.File, error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	var number int
	var inner error
	err = raw.Control(func(fd uintptr) { number, inner = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0) })
	if err := errors.Join(err, inner); err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(number), "mount"), nil
}

// shutDown ends a connection for all who have it.
func shutDown(f *os.File) {
	if raw, err := f.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { _ = unix.Shutdown(int(fd), unix.SHUT_RDWR) })
	}
}
