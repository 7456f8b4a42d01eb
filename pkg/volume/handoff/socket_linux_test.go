package handoff

import (
	"context"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// needRoot ends a test that changes users.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can be another user")
	}
}

const stranger = 4711 // a user that neither root nor the test is

func do(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// What is at the path before anybody connects.
func TestUntrustedSocket(t *testing.T) {
	for name, test := range map[string]struct {
		make func(t *testing.T, a Address)
		root bool // only root can make it
		kind Kind
		text string
	}{
		"absent":             {func(t *testing.T, a Address) { do(t, os.Remove(a.path)) }, false, Unavailable, "is the daemon running?"},
		"a regular file":     {func(t *testing.T, a Address) { do(t, os.Remove(a.path)); do(t, os.WriteFile(a.path, nil, 0o600)) }, false, Untrusted, "no socket"},
		"a directory":        {func(t *testing.T, a Address) { do(t, os.Remove(a.path)); do(t, os.Mkdir(a.path, 0o700)) }, false, Untrusted, "no socket"},
		"a symlink":          {func(t *testing.T, a Address) { do(t, os.Rename(a.path, a.path+"2")); do(t, os.Symlink("s2", a.path)) }, false, Untrusted, "symlink"},
		"for everybody":      {func(t *testing.T, a Address) { do(t, os.Chmod(a.path, 0o602)) }, false, Untrusted, "chmod o-w"},
		"of somebody else":   {func(t *testing.T, a Address) { do(t, os.Chown(a.path, stranger, -1)) }, true, Untrusted, "belongs to user 4711"},
		"of nobody":          {func(t *testing.T, a Address) { do(t, os.Chown(a.path, 65534, -1)) }, true, Untrusted, "belongs to user 65534"},
		"of another type":    {func(t *testing.T, a Address) { do(t, os.Remove(a.path)); stream(t, a) }, false, Unavailable, "another type than SOCK_SEQPACKET"},
		"nobody listens any": {func(t *testing.T, a Address) { do(t, os.Remove(a.path)); stale(t, a) }, false, Unavailable, "nobody listens"},
	} {
		t.Run(name, func(t *testing.T) {
			if test.root {
				needRoot(t)
			}
			openFDs(t)
			a := socketPath(t)
			listen(t, a, func(context.Context, *net.UnixConn) { t.Error("somebody connected") })
			test.make(t, a)
			_, err := Ask(within(t), a, plain)
			fails(t, err, a, test.kind, test.text)
		})
	}
}

func stream(t *testing.T, a Address) {
	l, err := net.Listen("unix", a.path)
	do(t, err)
	t.Cleanup(func() { l.Close() })
	do(t, os.Chmod(a.path, 0o600))
}

func stale(t *testing.T, a Address) {
	l, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: a.path, Net: "unixpacket"})
	do(t, err)
	l.SetUnlinkOnClose(false)
	do(t, os.Chmod(a.path, 0o600))
	do(t, l.Close())
}

func TestTrustedSocket(t *testing.T) {
	for name, test := range map[string]func(t *testing.T, a *Address){
		"the owner's":          func(t *testing.T, a *Address) {},
		"for a group":          func(t *testing.T, a *Address) { do(t, os.Chmod(a.path, 0o660)) },
		"below a symlink":      func(t *testing.T, a *Address) { link(t, a) },
		"with a group of some": func(t *testing.T, a *Address) { needRoot(t); do(t, os.Chown(a.path, -1, stranger)) },
	} {
		t.Run(name, func(t *testing.T) {
			a := daemon(t, func(Incoming) (Reply, *os.File) { return Reply{}, nil })
			test(t, &a)
			if _, err := Ask(within(t), a, plain); err != nil {
				t.Error(err)
			}
		})
	}
}

// link leads to the socket by a directory that is a symlink, as /var/run is.
func link(t *testing.T, a *Address) {
	dir := strings.TrimSuffix(a.path, "/s")
	do(t, os.Symlink(".", dir+"/link"))
	a.path = dir + "/link/s"
}

// The file is root's, the process that listens there somebody else's.
func TestUntrustedServer(t *testing.T) {
	needRoot(t)
	a := socketPath(t)
	do(t, os.Chmod(strings.TrimSuffix(a.path, "/s"), 0o777))
	listenAs(t, a, stranger)
	do(t, os.Chown(a.path, 0, 0))
	do(t, os.Chmod(a.path, 0o600))
	_, err := Ask(within(t), a, plain)
	fails(t, err, a, Untrusted, "is user 4711's")
}

// listenAs listens as another user.
func listenAs(t *testing.T, a Address, uid int) {
	t.Helper()
	do(t, asUser(t, uid, 0, func() error {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		t.Cleanup(func() { unix.Close(fd) })
		if err := unix.Bind(fd, &unix.SockaddrUnix{Name: a.path}); err != nil {
			return err
		}
		return unix.Listen(fd, 1)
	}))
}

func TestOtherUsers(t *testing.T) {
	needRoot(t)
	a := daemon(t, func(Incoming) (Reply, *os.File) { return Reply{}, nil })
	do(t, os.Chmod(a.path, 0o660))
	askAs := func(uid, gid int) error {
		return asUser(t, uid, gid, func() error { _, err := Ask(within(t), a, plain); return err })
	}
	if err := askAs(stranger, 0); err != nil {
		t.Errorf("somebody of the socket's group: %v", err)
	}
	fails(t, askAs(stranger, stranger), a, Unavailable, "permission denied")
	do(t, os.Chown(a.path, stranger, -1))
	fails(t, askAs(stranger, stranger), a, Untrusted, "is user 0's") // another user's daemon at one's own socket
}

// In a user namespace that does not map the host's root, this is nobody, and so
// may be the one who asks.
func TestUserNamespace(t *testing.T) {
	needRoot(t)
	a := daemon(t, func(Incoming) (Reply, *os.File) { return Reply{}, nil })
	in := func(host int) *syscall.SysProcAttr {
		ids := []syscall.SysProcIDMap{{ContainerID: 0, HostID: host, Size: 1}}
		return &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER, UidMappings: ids, GidMappings: ids}
	}
	if out := askIn(t, a, in(0)); out != "<nil>" {
		t.Errorf("with root mapped: %s", out)
	}
	if out := askIn(t, a, in(stranger)); !strings.Contains(out, "overflow ID 65534") {
		t.Errorf("with root not mapped: %s", out)
	}
}

func TestCheckPeer(t *testing.T) {
	a := socketPath(t)
	errs := make(chan error, 1)
	listen(t, a, func(ctx context.Context, c *net.UnixConn) {
		errs <- CheckPeer(c, func(uid uint32) bool { return uid != uint32(os.Geteuid()) })
	})
	_, _ = Ask(within(t), a, plain)
	var e *Error
	if err := <-errs; err == nil || !asError(err, &e) || e.Kind != Refused {
		t.Errorf("%v", err)
	}
}
