package main

import (
	"fmt"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A Go program has many threads, and setns(2) and unshare(2) of a user
// namespace need a process with one. So such calls are written down first, and
// made between fork and exec, where nothing of the Go runtime may be used.

// call is one system call.
type call struct {
	nr   uintptr
	args [6]uintptr

	// may fail without ending the program.
	may bool
}

// program is what a new process does: calls, in order.
type program struct {
	calls []call
	keep  []any // what the calls point to
}

func (p *program) add(nr uintptr, args ...uintptr) { p.calls = append(p.calls, makeCall(nr, args)) }

// try adds a call that may fail.
func (p *program) try(nr uintptr, args ...uintptr) {
	c := makeCall(nr, args)
	c.may = true
	p.calls = append(p.calls, c)
}

func makeCall(nr uintptr, args []uintptr) call {
	c := call{nr: nr}
	copy(c.args[:], args)
	return c
}

// pointer keeps the value and returns its address. The Go heap does not move.
func pointer[T any](p *program, v *T) uintptr {
	p.keep = append(p.keep, v)
	return uintptr(unsafe.Pointer(v))
}

func (p *program) text(s string) uintptr {
	b, err := unix.BytePtrFromString(s)
	if err != nil {
		panic(err)
	}
	return pointer(p, b)
}

// exec adds the start of this program in a further process, whose end is the
// end of the first one: a pid namespace counts only for children.
func (p *program) exec(exe, in int) []call {
	argv := [3]uintptr{p.text("attacker"), p.text(fmt.Sprint(in)), 0}
	envp := [1]uintptr{}
	return []call{makeCall(unix.SYS_EXECVEAT, []uintptr{uintptr(exe), p.text(""), pointer(p, &argv), pointer(p, &envp), unix.AT_EMPTY_PATH})}
}

// A program that fails exits with failedStep and the number of the call, or
// with the error of its last call if that is only tried.
const failedStep = 128

// run makes the calls in a new process, and those of then in a child of that.
// It returns how the process ended.
func (p *program) run(then []call) (unix.WaitStatus, error) {
	pid, errno := fork(p.calls, then)
	runtime.KeepAlive(p)
	if errno != 0 {
		return 0, errno
	}
	var ws unix.WaitStatus
	for {
		_, err := unix.Wait4(pid, &ws, 0, nil)
		if err != unix.EINTR {
			return ws, err
		}
	}
}

//go:norace
//go:noinline
//go:nosplit
func fork(first, then []call) (int, syscall.Errno) {
	pid, _, errno := syscall.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if errno != 0 || pid != 0 {
		return int(pid), errno
	}
	last := makeAll(first)
	if len(then) == 0 {
		exit(last)
	}
	pid, _, errno = syscall.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if errno != 0 {
		exit(failedStep - 1)
	}
	if pid == 0 {
		exit(makeAll(then))
	}
	var ws uint32
	syscall.RawSyscall6(unix.SYS_WAIT4, pid, uintptr(unsafe.Pointer(&ws)), 0, 0, 0, 0)
	exit(uintptr(ws>>8&0xff | ws&0x7f))
	return 0, 0
}

// makeAll returns the error of the last call.
//
//go:norace
//go:nosplit
func makeAll(calls []call) uintptr {
	var last uintptr
	for i := range calls {
		c := &calls[i]
		_, _, errno := syscall.RawSyscall6(c.nr, c.args[0], c.args[1], c.args[2], c.args[3], c.args[4], c.args[5])
		if errno != 0 && !c.may {
			exit(failedStep + uintptr(i))
		}
		last = uintptr(errno)
	}
	return last
}

//go:norace
//go:nosplit
func exit(code uintptr) {
	for {
		syscall.RawSyscall6(unix.SYS_EXIT_GROUP, code, 0, 0, 0, 0, 0)
	}
}
