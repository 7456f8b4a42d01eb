package volume

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/abi/linux"
	"gvisor.dev/gvisor/pkg/lisafs"
	"gvisor.dev/gvisor/pkg/log"
	"gvisor.dev/gvisor/pkg/seccomp"
	"gvisor.dev/gvisor/pkg/unet"
	"gvisor.dev/gvisor/runsc/fsgofer/filter/config"
)

// filtered is the variable by which the test binary runs as a gofer.
const filtered = "VOLUME_TEST_FILTERED"

func init() {
	if os.Getenv(filtered) == "" {
		return
	}
	if err := serveFiltered(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// FilterGofer filters the system calls of this process: it may make those that
// every gofer may make, which is the set gofer-base of package directfspolicy, and
// more.
func FilterGofer(more seccomp.SyscallRules) error {
	allowed, denied := config.Rules(config.Options{DirectFS: true, CgoEnabled: cgo()})
	for _, fallback := range []uintptr{
		unix.SYS_FCHMOD, unix.SYS_FCHMODAT, unix.SYS_FCHOWNAT,
		unix.SYS_LGETXATTR, unix.SYS_LLISTXATTR, unix.SYS_LREMOVEXATTR, unix.SYS_LSETXATTR,
	} {
		allowed.Remove(fallback) // for directories that the sandbox opens itself
	}
	allowed.Merge(more)
	if cgo() {
		allowed.Merge(glibc)
	}
	p := seccomp.Program{RuleSets: []seccomp.RuleSet{{Rules: denied}, {Rules: allowed, Action: seccomp.Allow}}}
	log.SetLevel(log.Warning)
	return p.Install(nil)
}

// glibc waits for its locks with futex(2) of four arguments, so that the fifth is
// what the register has. The gofer's filter wants 0 there, as Go's runtime has it,
// and kills a program with cgo when two threads meet in a lock, one time in some
// hundred. Runtimes are built without cgo; this test is about what the package calls.
var glibc = seccomp.MakeSyscallRules(map[uintptr]seccomp.SyscallRule{
	unix.SYS_FUTEX: seccomp.Or{
		seccomp.PerArg{seccomp.AnyValue{}, seccomp.EqualTo(linux.FUTEX_WAIT | linux.FUTEX_PRIVATE_FLAG)},
		seccomp.PerArg{seccomp.AnyValue{}, seccomp.EqualTo(linux.FUTEX_WAKE | linux.FUTEX_PRIVATE_FLAG)},
	},
})

func cgo() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "CGO_ENABLED", Value: "1"})
}

// serveFiltered serves FD 3 behind the filter of a gofer that only answers for
// volumes of backends that call nothing: the set gofer-volume. The donated file is
// FD 4.
func serveFiltered() error {
	v := newFake()
	v.put("file", &fakeFile{content: []byte("content")})
	v.put("donated", &fakeFile{content: []byte("host")})
	v.put("panic", &fakeFile{})
	v.put("hang", &fakeFile{})
	v.put("fail", &fakeFile{})
	host := os.NewFile(4, "donated")
	v.wrap = func(h Handle) Handle {
		if h.(*fakeHandle).f.attr.ID == "id-donated" {
			return donor{h.(*fakeHandle), host}
		}
		return h
	}
	v.hook = func(ctx context.Context, call string, id ID) error {
		switch {
		case call != "open":
		case id == "id-panic":
			panic("oops")
		case id == "id-hang":
			select {}
		case id == "id-fail":
			return errors.New("the store is down")
		}
		return nil
	}
	m, err := NewMount(context.Background(), v, MountOptions{
		Name: "/data", Limits: Limits{CallTimeout: short},
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		return err
	}
	socket := os.NewFile(3, "socket")
	channels := seccomp.MakeSyscallRules(map[uintptr]seccomp.SyscallRule{unix.SYS_FTRUNCATE: seccomp.MatchAll{}})
	if err := FilterGofer(channels); err != nil {
		return err
	}
	if err := m.Serve(socket); !errors.Is(err, errLeft) {
		return fmt.Errorf("Serve: %v, want %v", err, errLeft)
	}
	return nil
}

// TestBehindTheFilter: serving makes no system call that a gofer may not make,
// also where it logs, waits, recovers and donates.
func TestBehindTheFilter(t *testing.T) {
	path := t.TempDir() + "/file"
	if err := os.WriteFile(path, []byte("host"), 0o600); err != nil {
		t.Fatal(err)
	}
	server, fd := sockets(t)
	var stderr bytes.Buffer
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), filtered+"=1")
	cmd.ExtraFiles = []*os.File{server, openHost(t, path, os.O_RDONLY)}
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	server.Close()
	err := useFiltered(t, fd)
	if wait := cmd.Wait(); err != nil || wait != nil {
		t.Errorf("client: %v; server: %v, %s", err, wait, &stderr)
	}
	for _, want := range []string{"panic: oops", "abandoned", "the store is down"} {
		if !strings.Contains(stderr.String(), want) {
			t.Errorf("log has no %q: %s", want, &stderr)
		}
	}
}

func useFiltered(t *testing.T, fd int) error {
	s, err := unet.NewSocket(fd)
	if err != nil {
		return err
	}
	cl, root, _, err := lisafs.NewClient(s)
	if err != nil {
		return err
	}
	defer cl.Close()
	if err := cl.StartChannels(); err != nil {
		return err
	}
	c := &client{Client: cl, t: t, root: cl.NewFD(root.ControlFD), log: &logBuffer{}}
	for name, want := range map[string]unix.Errno{"panic": unix.EIO, "hang": unix.ETIMEDOUT, "fail": unix.EIO} {
		f, _ := c.walk(name)
		_, _, err := f.OpenAt(background, unix.O_RDONLY)
		c.wantErrno(name, err, want)
	}
	donated, _ := c.walk("donated")
	_, host, err := donated.OpenAt(background, unix.O_RDONLY)
	if err != nil || host < 0 {
		return fmt.Errorf("donation: %d, %v", host, err)
	}
	wantHost(t, host)
	o := c.open("file", unix.O_RDWR)
	if _, err := o.Write(background, []byte("CON"), 0); err != nil {
		return err
	}
	p := make([]byte, 7)
	if n, err := o.Read(background, p, 0); string(p[:n]) != "CONtent" || err != nil {
		return fmt.Errorf("read %q, %v", p[:n], err)
	}
	if _, err := c.list(c.openFD(c.root, unix.O_RDONLY), 4096); err != nil {
		return err
	}
	if err := chmod(donated, 0o600); err != nil {
		return err
	}
	return o.Flush(background)
}
