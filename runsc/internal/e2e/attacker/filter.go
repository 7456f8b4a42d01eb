package main

import (
	"encoding/binary"
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// filtered are the attempts that run under the sandbox's own seccomp filters.
var filtered = map[string]bool{"filtered-calls": true, "filtered-handle": true}

// filters reads the process's seccomp filters (ptrace(2),
// PTRACE_SECCOMP_GET_FILTER), the oldest first.
func filters(pid, count int) (fs [][]byte, err error) {
	if _, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_SEIZE, uintptr(pid), 0, 0, 0, 0); errno != 0 {
		return nil, fmt.Errorf("PTRACE_SEIZE: %w", errno)
	}
	if _, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_INTERRUPT, uintptr(pid), 0, 0, 0, 0); errno != 0 {
		return nil, fmt.Errorf("PTRACE_INTERRUPT: %w", errno)
	}
	var ws unix.WaitStatus
	if _, err := unix.Wait4(pid, &ws, unix.WALL, nil); err != nil {
		return nil, fmt.Errorf("waiting for the stop: %w", err)
	}
	defer func() {
		if _, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_DETACH, uintptr(pid), 0, 0, 0, 0); errno != 0 && err == nil {
			err = fmt.Errorf("PTRACE_DETACH: %w", errno)
		}
	}()
	for i := count - 1; i >= 0; i-- {
		n, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_SECCOMP_GET_FILTER, uintptr(pid), uintptr(i), 0, 0, 0)
		if errno != 0 {
			return nil, fmt.Errorf("PTRACE_SECCOMP_GET_FILTER: %w", errno)
		}
		f := make([]byte, n*uintptr(instruction))
		_, _, errno = unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_SECCOMP_GET_FILTER, uintptr(pid), uintptr(i), uintptr(unsafe.Pointer(&f[0])), 0, 0)
		if errno != 0 {
			return nil, fmt.Errorf("PTRACE_SECCOMP_GET_FILTER: %w", errno)
		}
		fs = append(fs, f)
	}
	return fs, nil
}

const instruction = int(unsafe.Sizeof(unix.SockFilter{}))

// install writes down the installation of the sandbox's filters.
func (a *attack) install(p *program) {
	for _, f := range a.in.Filters {
		prog := make([]unix.SockFilter, len(f)/instruction)
		for i := range prog {
			b := f[i*instruction:]
			prog[i] = unix.SockFilter{Code: binary.NativeEndian.Uint16(b), Jt: b[2], Jf: b[3], K: binary.NativeEndian.Uint32(b[4:])}
		}
		p.keep = append(p.keep, prog)
		p.add(unix.SYS_SECCOMP, 1 /* SECCOMP_SET_MODE_FILTER */, 0, pointer(p, &unix.SockFprog{Len: uint16(len(prog)), Filter: &prog[0]}))
	}
}

// filteredCall makes one call as the sandbox could. It ends the process where
// the filter forbids it.
func (a *attack) filteredCall(what string, nr uintptr, args func(p *program) []uintptr) error {
	p := &program{}
	a.install(p)
	p.try(nr, args(p)...)
	ws, err := p.run(nil)
	if err != nil {
		return err
	}
	switch {
	case ws.Signaled() && ws.Signal() == unix.SIGSYS:
		a.result.Errors["SIGSYS"]++
	case ws.Exited() && ws.ExitStatus() == 0:
		a.breach(what + " passed the filters")
	case ws.Exited() && ws.ExitStatus() < failedStep:
		a.breach(fmt.Sprintf("%s passed the filters with %v", what, syscall.Errno(ws.ExitStatus())))
	default:
		return fmt.Errorf("%s ended with status %#x", what, int(ws))
	}
	return nil
}

// filteredCalls makes the calls that the other attempts are made of, and that
// the sandbox has no use for.
func (a *attack) filteredCalls() error {
	a.result.Filters = len(a.in.Filters)
	none := func(*program) []uintptr { return nil }
	for what, nr := range map[string]uintptr{
		"openat2": unix.SYS_OPENAT2, "name_to_handle_at": unix.SYS_NAME_TO_HANDLE_AT, "open_by_handle_at": unix.SYS_OPEN_BY_HANDLE_AT,
		"mount": unix.SYS_MOUNT, "umount2": unix.SYS_UMOUNT2, "pivot_root": unix.SYS_PIVOT_ROOT, "chroot": unix.SYS_CHROOT,
		"open_tree": unix.SYS_OPEN_TREE, "move_mount": unix.SYS_MOVE_MOUNT, "mount_setattr": unix.SYS_MOUNT_SETATTR,
		"fsopen": unix.SYS_FSOPEN, "fsmount": unix.SYS_FSMOUNT, "fspick": unix.SYS_FSPICK, "fsconfig": unix.SYS_FSCONFIG,
		"setns": unix.SYS_SETNS, "chdir": unix.SYS_CHDIR, "fchdir": unix.SYS_FCHDIR,
		"pidfd_open": unix.SYS_PIDFD_OPEN, "pidfd_getfd": unix.SYS_PIDFD_GETFD, "execveat": unix.SYS_EXECVEAT,
	} {
		if err := a.filteredCall(what, nr, none); err != nil {
			return err
		}
	}
	unshare := func(*program) []uintptr { return []uintptr{unix.CLONE_NEWUSER | unix.CLONE_NEWNS} }
	if err := a.filteredCall("unshare", unix.SYS_UNSHARE, unshare); err != nil {
		return err
	}
	for _, d := range a.in.Dirs {
		follow := func(p *program) []uintptr { return []uintptr{uintptr(d), p.text("up"), unix.O_PATH} }
		if err := a.filteredCall("openat that follows links", unix.SYS_OPENAT, follow); err != nil {
			return err
		}
	}
	return nil
}

// filteredHandle is what a sandbox in the host's user namespace could do
// without a filter.
func (a *attack) filteredHandle() error {
	a.result.Filters = len(a.in.Filters)
	for _, fd := range append(append([]int{}, a.in.Dirs...), a.in.Files...) {
		for _, h := range a.in.Handles {
			raw := make([]byte, 8+len(h.Bytes))
			binary.NativeEndian.PutUint32(raw, uint32(len(h.Bytes)))
			binary.NativeEndian.PutUint32(raw[4:], uint32(h.Type))
			copy(raw[8:], h.Bytes)
			byHandle := func(p *program) []uintptr {
				p.keep = append(p.keep, raw)
				return []uintptr{uintptr(fd), uintptr(unsafe.Pointer(&raw[0])), unix.O_RDONLY}
			}
			if err := a.filteredCall("open_by_handle_at", unix.SYS_OPEN_BY_HANDLE_AT, byHandle); err != nil {
				return err
			}
		}
	}
	return nil
}
