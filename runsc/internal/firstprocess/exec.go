package firstprocess

import (
	"fmt"
	"path"
	"runtime"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// programError says that the program cannot be executed.
type programError struct{ error }

func (e programError) Unwrap() error { return e.error }

// resolve returns the path of the program, as the engine finds it
// (pkg/sentry/fsimpl/user/path.go, ResolveExecutablePath). The caller has the
// identity of the container's process.
func resolve(name, cwd string, env []string) (string, error) {
	if path.IsAbs(name) {
		return name, nil
	}
	if strings.IndexByte(name, '/') > 0 {
		return path.Join(cwd, name), nil
	}
	dirs := searchPath(env)
	denied, last := false, error(unix.ENOENT)
	for _, dir := range dirs {
		if !path.IsAbs(dir) {
			continue
		}
		file := path.Join(dir, name)
		last = executable(file)
		switch last {
		case nil:
			return file, nil
		case unix.EACCES:
			denied = true
		case unix.ENOENT, unix.ESTALE, unix.ENOTDIR, unix.ENODEV, unix.ETIMEDOUT:
		default:
			return "", findError(name, dirs, last)
		}
	}
	if denied {
		last = unix.EACCES
	}
	return "", findError(name, dirs, last)
}

func findError(name string, dirs []string, err error) error {
	return programError{fmt.Errorf("error finding executable %q in PATH %v: %w", name, dirs, err)}
}

func searchPath(env []string) []string {
	for _, v := range env {
		if dirs, is := strings.CutPrefix(v, "PATH="); is {
			return strings.Split(dirs, ":")
		}
	}
	return nil
}

// executable reports what is against executing the file: the engine has to read
// it, too.
func executable(file string) error {
	var st unix.Stat_t
	if err := unix.Stat(file, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return unix.EACCES
	}
	return unix.Faccessat(unix.AT_FDCWD, file, unix.R_OK|unix.X_OK, unix.AT_EACCESS)
}

// program is all that execve(2) wants, made before limits could forbid to make it.
type program struct {
	path      *byte
	argv, env []*byte
}

func newProgram(file string, args, env []string) (p program, err error) {
	if p.path, err = unix.BytePtrFromString(file); err != nil {
		return p, err
	}
	if p.argv, err = syscall.SlicePtrFromStrings(args); err != nil {
		return p, err
	}
	p.env, err = syscall.SlicePtrFromStrings(env)
	return p, err
}

// exec executes the program, and returns only if that fails. It is execve(2) and
// nothing else: syscall.Exec would change limits.
func (p program) exec() error {
	_, _, errno := unix.RawSyscall(unix.SYS_EXECVE, uintptr(unsafe.Pointer(p.path)),
		uintptr(unsafe.Pointer(&p.argv[0])), uintptr(unsafe.Pointer(&p.env[0])))
	runtime.KeepAlive(p)
	return errno
}
