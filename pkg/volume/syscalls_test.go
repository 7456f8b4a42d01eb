package volume_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/seccomp"

	"github.com/directfs/runsc/pkg/volume"
	"github.com/directfs/runsc/pkg/volume/archive"
	"github.com/directfs/runsc/pkg/volume/hostdir"
	"github.com/directfs/runsc/pkg/volume/memory"
)

// served is what a process is asked to serve, below a gofer's filter, and which
// system calls it may make for that.
const (
	servedEnv   = "VOLUME_TEST_SERVED"
	syscallsEnv = "VOLUME_TEST_SYSCALLS"
	dirEnv      = "VOLUME_TEST_DIR"
)

func TestMain(m *testing.M) {
	if served := os.Getenv(servedEnv); served != "" {
		if err := serveFiltered(served); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// backends are those that declare system calls.
var backends = map[string]struct {
	syscalls []string
	open     func(dir string) (volume.Volume, error)
}{
	"os.Root": {volume.RootFSSyscalls, func(dir string) (volume.Volume, error) {
		root, err := os.OpenRoot(dir)
		if err != nil {
			return nil, err
		}
		return volume.FromFS(root.FS()), nil
	}},
	"hostdir": {hostdir.Syscalls, func(dir string) (volume.Volume, error) { return hostdir.Open(dir, hostdir.Options{}) }},
	"memory":  {nil, func(string) (volume.Volume, error) { return memory.New(memory.Options{}), nil }},
	"memfd":   {memory.Syscalls, func(string) (volume.Volume, error) { return memory.New(memory.Options{DonateFiles: true}), nil }},
	"zip": {archive.Syscalls, func(dir string) (volume.Volume, error) {
		f, err := os.Open(filepath.Join(dir, "hello.zip"))
		if err != nil {
			return nil, err
		}
		info, err := f.Stat()
		if err != nil {
			return nil, err
		}
		return archive.OpenZip(f, info.Size(), archive.Options{})
	}},
}

// syscallNumbers has every name that a backend declares.
var syscallNumbers = map[string]uintptr{
	"epoll_create1": unix.SYS_EPOLL_CREATE1, "fchmod": unix.SYS_FCHMOD, "fchownat": unix.SYS_FCHOWNAT,
	"eventfd2": unix.SYS_EVENTFD2, "fallocate": unix.SYS_FALLOCATE, "fchmodat2": unix.SYS_FCHMODAT2, "fcntl": unix.SYS_FCNTL,
	"fgetxattr": unix.SYS_FGETXATTR, "flistxattr": unix.SYS_FLISTXATTR, "fremovexattr": unix.SYS_FREMOVEXATTR,
	"fsetxattr": unix.SYS_FSETXATTR, "fstat": unix.SYS_FSTAT, "fstatfs": unix.SYS_FSTATFS,
	"ftruncate": unix.SYS_FTRUNCATE, "getdents64": unix.SYS_GETDENTS64, "linkat": unix.SYS_LINKAT,
	"mkdirat": unix.SYS_MKDIRAT, "name_to_handle_at": unix.SYS_NAME_TO_HANDLE_AT,
	"readlinkat": unix.SYS_READLINKAT, "renameat2": unix.SYS_RENAMEAT2, "statx": unix.SYS_STATX,
	"symlinkat": unix.SYS_SYMLINKAT, "unlinkat": unix.SYS_UNLINKAT, "utimensat": unix.SYS_UTIMENSAT,
}

func TestDeclaredSyscallsAreThoseThatAreNeeded(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root changes its root directory, as a gofer does")
	}
	for name, b := range backends {
		t.Run(name, func(t *testing.T) {
			if out, err := filtered(t, name, b.syscalls); err != nil {
				t.Fatalf("with what is declared: %v\n%s", err, out)
			}
			for i, without := range b.syscalls {
				rest := slices.Delete(slices.Clone(b.syscalls), i, i+1)
				out, err := filtered(t, name, rest)
				var exit *exec.ExitError
				if !errors.As(err, &exit) || exit.ProcessState.Success() {
					t.Errorf("%s is declared and not needed: %v\n%s", without, err, out)
				}
			}
		})
	}
}

// filtered runs a process that serves a backend, with some system calls beside a
// gofer's.
func filtered(t *testing.T, name string, syscalls []string) (string, error) {
	t.Helper()
	dir := tree(t)
	zipped, err := os.ReadFile("testdata/hello.zip")
	if err == nil {
		err = os.Mkdir(filepath.Join(dir, "mounted"), 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "hello.zip"), zipped, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command("/proc/self/exe")
	c.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS}
	c.Env = []string{servedEnv + "=" + name, syscallsEnv + "=" + strings.Join(syscalls, " "), dirEnv + "=" + dir}
	out, err := c.CombinedOutput()
	return string(out), err
}

// serveFiltered does as a gofer does: it opens the volume, gives up the host's
// files, and filters its system calls.
func serveFiltered(name string) error {
	dir := os.Getenv(dirEnv)
	if err := unix.Mount("tmpfs", filepath.Join(dir, "mounted"), "tmpfs", 0, ""); err != nil {
		return err
	}
	v, err := backends[name].open(dir)
	if err != nil {
		return err
	}
	if err := unix.Chroot(filepath.Join(dir, "dir")); err != nil {
		return err
	}
	if err := unix.Chdir("/"); err != nil {
		return err
	}
	rules := seccomp.NewSyscallRules()
	for s := range strings.FieldsSeq(os.Getenv(syscallsEnv)) {
		rules.Set(syscallNumbers[s], seccomp.MatchAll{})
	}
	if err := volume.FilterGofer(rules); err != nil {
		return err
	}
	return exercise(v)
}

// exercise makes every call that a volume has.
func exercise(v volume.Volume) error {
	root, err := v.Root(ctx)
	if err != nil {
		return err
	}
	if err := exerciseDir(v, root.ID); err != nil {
		return err
	}
	if w, ok := v.(volume.Writable); ok {
		return errors.Join(exerciseWritable(w, root.ID), v.Close(ctx))
	}
	return v.Close(ctx)
}

func exerciseDir(v volume.Volume, dir volume.ID) error {
	page, err := v.ReadDir(ctx, dir, "", 100)
	if err != nil {
		return err
	}
	for _, e := range page {
		a, err := v.Lookup(ctx, dir, e.Name)
		switch {
		case errors.Is(err, syscall.EXDEV):
			err = nil // hostdir does not enter what is mounted
		case err != nil:
		case a.Mode.IsDir():
			err = exerciseDir(v, a.ID)
		case a.Mode.IsRegular():
			err = exerciseFile(v, a)
		case a.Mode.Type() == os.ModeSymlink:
			_, err = v.(volume.LinkReader).ReadLink(ctx, a.ID)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func exerciseFile(v volume.Volume, a volume.Attr) error {
	h, err := v.Open(ctx, a.ID, read)
	if err != nil {
		return err
	}
	b := make([]byte, a.Size)
	if _, err := h.ReadAt(ctx, b, 0); err != nil {
		return err
	}
	if d, ok := h.(volume.FileDonor); ok {
		if f := d.HostFile(); f != nil {
			got := make([]byte, a.Size)
			if _, err := f.ReadAt(got, 0); err != nil || !bytes.Equal(b, got) {
				return fmt.Errorf("the donated file has %q, %v", got, err)
			}
		}
	}
	if _, err := v.Stat(ctx, a.ID); err != nil {
		return err
	}
	return h.Close(ctx)
}
