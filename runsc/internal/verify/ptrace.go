package verify

import (
	"errors"
	"fmt"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// stopPatience is how long a thread may take to stop. One that sleeps in the
// kernel without being interruptible takes as long as its device.
const stopPatience = 30 * time.Second

// maxInstructions is the length of the longest program (linux/bpf_common.h,
// BPF_MAXINSNS).
const maxInstructions = 4096

// readFilters returns the seccomp filters of a process's main thread, in the
// order of their installation. It needs CAP_SYS_ADMIN, a kernel with
// CONFIG_CHECKPOINT_RESTORE, and not to be under seccomp itself (ptrace(2),
// PTRACE_SECCOMP_GET_FILTER). The engine installs every filter for all threads
// at once (SECCOMP_FILTER_FLAG_TSYNC), so one thread speaks for all.
//
// The thread is stopped for that long; its system call goes on or is restarted
// afterwards. No signal is sent and none is lost.
func readFilters(pid int) (stack, error) {
	type result struct {
		filters stack
		err     error
	}
	done := make(chan result)
	go func() {
		// A tracer is a thread. Where it fails to detach, as from a thread that
		// does not stop, the kernel detaches it at the end of this process.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		f, err := traceFilters(pid)
		done <- result{f, err}
	}()
	r := <-done
	return r.filters, r.err
}

func traceFilters(pid int) (_ stack, err error) {
	if err := unix.PtraceSeize(pid); err != nil {
		return nil, fmt.Errorf("attaching to process %d: %w", pid, err)
	}
	if err := unix.PtraceInterrupt(pid); err != nil {
		return nil, fmt.Errorf("interrupting process %d: %w", pid, err)
	}
	signal, err := awaitStop(pid)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, detach(pid, signal)) }()
	var all stack
	for i := 0; ; i++ {
		raw, err := getFilter(pid, i)
		if err == unix.ENOENT {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("PTRACE_SECCOMP_GET_FILTER: %w", err)
		}
		f, err := newFilter(raw)
		if err != nil {
			return nil, err
		}
		all = append(all, f)
	}
}

// awaitStop waits for the main thread alone, and returns the signal that the
// thread was about to get and has to get when it goes on.
func awaitStop(pid int) (unix.Signal, error) {
	for deadline := time.Now().Add(stopPatience); ; time.Sleep(time.Millisecond) {
		var status unix.WaitStatus
		got, err := unix.Wait4(pid, &status, unix.WALL|unix.WNOHANG, nil)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return 0, fmt.Errorf("waiting for process %d: %w", pid, err)
		case got == pid && !status.Stopped():
			return 0, fmt.Errorf("process %d ended", pid)
		case got == pid && int(status)>>16 != 0:
			// A stop of ptrace's own (PTRACE_EVENT_STOP).
			return 0, nil
		case got == pid:
			return status.StopSignal(), nil
		case time.Now().After(deadline):
			return 0, fmt.Errorf("process %d did not stop within %v", pid, stopPatience)
		}
	}
}

// detach lets the thread go on, with the signal if there is one.
func detach(pid int, signal unix.Signal) error {
	if _, _, errno := unix.RawSyscall6(unix.SYS_PTRACE, unix.PTRACE_DETACH, uintptr(pid), 0, uintptr(signal), 0, 0); errno != 0 {
		return fmt.Errorf("detaching from process %d: %w", pid, errno)
	}
	return nil
}

// getFilter returns the stopped thread's filter with the index, or ENOENT.
func getFilter(pid, index int) ([]bpf.RawInstruction, error) {
	var prog [maxInstructions]unix.SockFilter
	n, _, errno := unix.RawSyscall6(unix.SYS_PTRACE, unix.PTRACE_SECCOMP_GET_FILTER,
		uintptr(pid), uintptr(index), uintptr(unsafe.Pointer(&prog)), 0, 0)
	if errno != 0 {
		return nil, errno
	}
	raw := make([]bpf.RawInstruction, n)
	for i := range raw {
		raw[i] = bpf.RawInstruction{Op: prog[i].Code, Jt: prog[i].Jt, Jf: prog[i].Jf, K: prog[i].K}
	}
	return raw, nil
}
