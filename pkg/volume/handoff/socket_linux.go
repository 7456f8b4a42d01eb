package handoff

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// socketError is a socket or a process that is not trusted.
type socketError string

func (e socketError) Error() string { return string(e) }

// dial connects to the daemon's socket after it has looked at it.
//
// It opens the socket with O_PATH and O_NOFOLLOW, looks at what it has opened,
// and connects to that by its FD. So whatever happens to the path meanwhile, the
// socket that was looked at is the one that is used. A component of the path
// before the last may be a symlink, as /var/run is.
func dial(ctx context.Context, p string) (*net.UnixConn, error) {
	fd, err := unix.Open(p, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: p, Err: err}
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, &os.PathError{Op: "stat", Path: p, Err: err}
	}
	if err := checkSocket(st.Mode, st.Uid, uint32(os.Geteuid())); err != nil {
		return nil, err
	}
	c, err := connect(ctx, fd)
	if err != nil {
		return nil, err
	}
	if err := checkServer(c, st.Uid); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// checkSocket refuses a socket that somebody other than root and the user may
// have made, and one that everybody may use: whose daemon cannot tell who asks.
// The group may use it, so that a daemon can serve another user's runtime.
func checkSocket(mode, owner, user uint32) error {
	switch {
	case mode&unix.S_IFMT == unix.S_IFLNK:
		return socketError("the socket's path is a symlink; register the path that it leads to")
	case mode&unix.S_IFMT != unix.S_IFSOCK:
		return socketError("the path is no socket")
	case isUnmapped(owner):
		return socketError(fmt.Sprintf("the socket's owner has no user ID in this user namespace and shows as the overflow ID %d; "+
			"the daemon must run as a user that the namespace maps", owner))
	case owner != 0 && owner != user:
		return socketError(fmt.Sprintf("the socket belongs to user %d; it must be root's or that of user %d, who runs this", owner, user))
	case mode&unix.S_IWOTH != 0:
		return socketError(fmt.Sprintf("everybody may write to the socket (mode %#o); take the permission away (chmod o-w)", mode&0o7777))
	}
	return nil
}

// isUnmapped reports whether a user ID may stand for any that has no mapping in
// this user namespace: user_namespaces(7), "Unmapped user and group IDs".
func isUnmapped(uid uint32) bool {
	overflow, err := os.ReadFile("/proc/sys/kernel/overflowuid")
	if err != nil || strings.TrimSpace(string(overflow)) != strconv.FormatUint(uint64(uid), 10) {
		return false
	}
	table, err := os.ReadFile("/proc/self/uid_map")
	return err != nil || strings.Join(strings.Fields(string(table)), " ") != "0 0 4294967295"
}

// connect connects to the socket behind an FD.
func connect(ctx context.Context, fd int) (*net.UnixConn, error) {
	s, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	f := os.NewFile(uintptr(s), "volume daemon")
	defer f.Close()
	address := &unix.SockaddrUnix{Name: "/proc/self/fd/" + strconv.Itoa(fd)}
	// EAGAIN: the daemon has not accepted as many as its queue can hold.
	for wait := time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		err := unix.Connect(s, address)
		if err == nil {
			break
		}
		if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
			return nil, os.NewSyscallError("connect", err)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	c, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	return c.(*net.UnixConn), nil
}

// checkServer refuses a process that listens at another user's socket.
func checkServer(c *net.UnixConn, owner uint32) error {
	peer, err := peerOf(c)
	if err != nil {
		return err
	}
	if peer.Uid != owner {
		return socketError(fmt.Sprintf("the process behind the socket is user %d's (pid %d), the socket user %d's", peer.Uid, peer.Pid, owner))
	}
	return nil
}

// peerOf returns the credentials of the process at the other end: socket(7),
// SO_PEERCRED.
func peerOf(c *net.UnixConn) (*unix.Ucred, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	var peer *unix.Ucred
	var inner error
	err = raw.Control(func(fd uintptr) {
		peer, inner = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err := errors.Join(err, inner); err != nil {
		return nil, fmt.Errorf("credentials of the other side: %w", err)
	}
	return peer, nil
}
