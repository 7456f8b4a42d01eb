package e2e

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/directfs/runsc/pkg/volume/handoff"
	"github.com/directfs/runsc/runsc/harness"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// foreignDaemon is a daemon of somebody else's making: what it answers to an
// attach is the test's. It returns a runtime that knows it as "daemon".
func foreignDaemon(t *testing.T, l *harness.Lab, info handoff.Info, attach func(handoff.Incoming, *net.UnixConn)) *harness.Runtime {
	t.Helper()
	dir := volume(l, "s")
	check(t, os.MkdirAll(dir, 0o755))
	path := filepath.Join(dir, "d")
	s := listen(t, path)
	serve := func(c *net.UnixConn) {
		defer c.Close()
		in, err := handoff.Receive(context.Background(), c)
		switch {
		case err != nil:
		case in.Operation == handoff.OpAsk:
			_ = handoff.Reply{Info: info}.Send(context.Background(), c, nil)
		default:
			attach(in, c)
		}
	}
	go func() {
		for {
			c, err := s.AcceptUnix()
			if err != nil {
				return
			}
			go serve(c)
		}
	}()
	return l.With("--volume-daemon=daemon=unix:" + path)
}

// A daemon that does not answer is waited for once, however many volumes it is
// asked about.
func TestDaemonThatDoesNotAnswer(t *testing.T) {
	l := newLab(t)
	dir := volume(l, "s")
	check(t, os.MkdirAll(dir, 0o755))
	path := filepath.Join(dir, "d")
	listen(t, path) // the kernel accepts for it
	var mounts []harness.Option
	for _, name := range []string{"v", "w", "x", "y"} {
		mounts = append(mounts, (&volumeLab{backend: "daemon"}).mountFrom("/nowhere", "/"+name, name))
	}
	b, began := l.Bundle(t, mounts...), time.Now()
	res, err := l.With("--volume-daemon=daemon=unix:"+path).Command(harness.Context(t), "create", "--bundle="+b.Dir, l.ID())
	if err != nil || res.ExitCode == 0 || !strings.Contains(res.Stderr, "deadline exceeded") {
		t.Errorf("created: %+v, %v", res, err)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it was refused after %v", took)
	}
}

// readOnlyDirectory opens a directory by a read-only mount that is in no mount
// namespace but its own.
func readOnlyDirectory(t *testing.T, dir string) *os.File {
	t.Helper()
	type result struct {
		root *os.File
		err  error
	}
	opened, done := make(chan result), make(chan struct{})
	t.Cleanup(func() { close(done) })
	go func() {
		runtime.LockOSThread() // which ends with the goroutine, and the namespace with it
		err := unix.Unshare(unix.CLONE_NEWNS)
		for _, m := range []struct {
			source, target string
			flags          uintptr
		}{{"", "/", unix.MS_REC | unix.MS_PRIVATE}, {dir, dir, unix.MS_BIND}, {"", dir, unix.MS_BIND | unix.MS_REMOUNT | unix.MS_RDONLY}} {
			if err == nil {
				err = unix.Mount(m.source, m.target, "", m.flags, "")
			}
		}
		r := result{err: err}
		if err == nil {
			r.root, r.err = os.Open(dir)
		}
		opened <- r
		<-done
	}()
	r := <-opened
	check(t, r.err)
	t.Cleanup(func() { r.root.Close() })
	return r.root
}

// The sandbox gets no more of a root directory than the daemon's FD of it allows.
func TestDonatedRootStaysReadOnly(t *testing.T) {
	l := newLab(t)
	dir := volume(l, "root")
	check(t, os.Mkdir(dir, 0o755))
	root := readOnlyDirectory(t, dir)
	r := foreignDaemon(t, l, handoff.Info{DonatesRoot: true}, func(in handoff.Incoming, c *net.UnixConn) {
		_ = handoff.Reply{Info: handoff.Info{DonatesRoot: true}}.Send(context.Background(), c, root)
		_, _ = c.Read(make([]byte, 1))
	})
	v := volumeLab{Lab: l, backend: "daemon"}
	id := l.ID()
	_, err := r.RunDetached(harness.Context(t), id, l.Bundle(t, v.mountFrom("/nowhere", "/v", "v", "directfs=on")))
	if err == nil || !strings.Contains(err.Error(), `mount "/v": gofer daemon/v: its root "`+dir+`": it is on a mount with other flags`) {
		t.Errorf("started: %v", err)
	}
	l.CheckGone(t, id)
	c := l.ServeWith(t, r, l.Bundle(t, v.mountFrom("/nowhere", "/v", "v", "directfs=on", "ro"), harness.Args("serve")))
	readReport(t, c)
	stop(t, l, c)
}

// A daemon that takes the socket of a mount and does not serve it keeps nobody
// waiting for ever, and leaves the other containers of a pod alone.
func TestDaemonThatDoesNotServe(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"start", "run", "member", "hooks", "run with hooks"} {
		t.Run(how, func(t *testing.T) {
			l := idleLab(t)
			end := make(chan struct{})
			defer close(end)
			l.Runtime = foreignDaemon(t, l, handoff.Info{}, func(in handoff.Incoming, c *net.UnixConn) {
				defer in.Socket.Close()
				_ = handoff.Reply{}.Send(context.Background(), c, nil)
				<-end
			})
			options := []harness.Option{(&volumeLab{backend: "daemon"}).mountFrom("/nowhere", "/v", "v"), harness.Args("serve")}
			var pause *harness.Container
			if how == "member" {
				pause = servePod(t, l, l.Runtime, true, harness.PodSandbox())
				options = append(options, harness.PodMember(pause.ID, "app"))
			}
			isRun := strings.HasPrefix(how, "run")
			if strings.HasSuffix(how, "hooks") {
				options = append(options, harness.Hooks(specs.Hooks{Poststart: []specs.Hook{{Path: "/bin/true", Args: []string{"true"}}}}))
			}
			b, id := l.Bundle(t, options...), l.ID()
			args := []string{"run", "--detach", "--bundle=" + b.Dir, id}
			if !isRun {
				args = []string{"start", id}
				_, err := l.Create(harness.Context(t), id, b)
				check(t, err)
			}
			// The sandbox of a pod has the output of the container until that is deleted.
			said, code := attended(t, l, b.Dir, args...)
			if code == 0 || !strings.Contains(said, "its volumes did not answer within 1m0s: is a volume daemon stuck?") {
				t.Errorf("started: %s", said)
			}
			if !isRun {
				command(t, l.Runtime, "delete", id)
			}
			l.CheckGone(t, id)
			if pause != nil {
				checkOpsIn(t, pause, "/tmp")
				stop(t, l, pause)
			}
		})
	}
}

// Poststart hooks may take longer than volumes may.
func TestSlowHooksBesideVolume(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"start", "run"} {
		t.Run(how, func(t *testing.T) {
			l := daemonLabOf(t, idleLab(t))
			hooks := specs.Hooks{Poststart: []specs.Hook{{Path: "/bin/sleep", Args: []string{"sleep", "65"}}}}
			b := l.Bundle(t, l.mount(t, "/v", "host", "v"), harness.Hooks(hooks), harness.Args("serve"))
			launch := l.RunDetached
			if how == "start" {
				launch = l.Create
			}
			c, err := launch(harness.Context(t), l.ID(), b)
			check(t, err)
			l.Keep(t, c)
			if how == "start" {
				check(t, c.Start(harness.Context(t)))
			}
			checkOpsIn(t, c, "/v")
			stop(t, l.Lab, c)
		})
	}
}
