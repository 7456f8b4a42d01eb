package supervise

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Held are processes of which a client wants to know how they ended: those of a
// container that another client created, which are nobody's children here (see
// Hold), or its own children (see Watch).
type Held struct {
	mu         sync.Mutex
	all        []held
	goferFirst bool // see Watch
}

type held struct {
	Process
	pidfd  int    // -1: it was gone already
	stderr int    // its, in this process, or -1
	seen   *sight // nil if nobody looks when it ends
}

// Hold takes hold of processes to say later why they ended, if they did. What
// has no PID is left out. isGone reports whether a PID is known to be another
// process's meanwhile, which is left alone.
func Hold(isGone func(pid int) bool, all ...Process) *Held {
	h := &Held{}
	for _, p := range all {
		if p.PID > 0 {
			h.all = append(h.all, hold(isGone, p))
		}
	}
	return h
}

func hold(isGone func(pid int) bool, p Process) held {
	h := held{Process: p, pidfd: -1, stderr: -1}
	fd, err := unix.PidfdOpen(p.PID, 0)
	if err != nil {
		return h
	}
	// From here on the PID is this process's, or nobody's.
	if isGone(p.PID) {
		unix.Close(fd)
		return h
	}
	h.pidfd, h.stderr = fd, stderrOf(fd)
	return h
}

// stderrOf returns the stderr of a process as an FD of this one, or -1.
func stderrOf(pidfd int) int {
	fd, err := unix.PidfdGetfd(pidfd, unix.Stderr, 0)
	if err != nil {
		return -1
	}
	return fd
}

// Close lets the processes go. Of a nil Held there are none.
func (h *Held) Close() {
	if h == nil {
		return
	}
	for _, p := range h.processes() {
		for _, fd := range []int{p.pidfd, p.stderr} {
			if fd >= 0 {
				unix.Close(fd)
			}
		}
	}
}

// Signal sends a signal to the processes of a kind. Of a nil Held there are none.
func (h *Held) Signal(kind Kind, s unix.Signal) {
	for _, p := range h.processes() {
		if p.Kind == kind && p.pidfd >= 0 {
			_ = unix.PidfdSendSignal(p.pidfd, s, nil, 0)
		}
	}
}

// Kill kills the processes of a kind and waits until they have ended, which takes
// no longer than patience. Of a nil Held there are none.
func (h *Held) Kill(kind Kind, patience time.Duration) {
	h.Signal(kind, unix.SIGKILL)
	for _, p := range h.processes() {
		if p.Kind == kind && p.pidfd >= 0 {
			readable(p.pidfd, patience)
		}
	}
}

// Ended reports whether a process of a kind is held that has ended. Of a nil Held
// there are none.
func (h *Held) Ended(kind Kind) bool {
	return slices.ContainsFunc(h.processes(), func(p held) bool { return p.Kind == kind && (p.pidfd < 0 || readable(p.pidfd, 0)) })
}

// Reasons returns a line for each process that has ended: how, and what it said
// then. It waits for the sandbox process, but no longer than that, and for a
// gofer, which may serve on, no longer than a moment. A gofer that has ended in
// peace did so because the sandbox process ended. Of a nil Held there are none.
func (h *Held) Reasons(patience time.Duration) []string {
	if h == nil {
		return nil
	}
	var all []string
	for _, p := range h.processes() {
		wait := patience
		if p.Kind != Sandbox {
			wait = min(wait, moment)
		}
		if how, ended := p.ending(wait); ended && (p.Kind == Sandbox || how != inPeace) {
			all = append(all, p.reason(how))
		}
	}
	return all
}

func (p held) reason(how string) string {
	line := fmt.Sprintf("%s process (PID %d) %s", p.Kind, p.PID, how)
	said, file := words(p.stderr)
	switch said := reason(nil, said); {
	case said != "" && how != isKilled: // what is killed so says nothing; another may have written there
		line += ": " + said
	case file != "":
		line += "; it writes to " + printable(file)
	}
	return line
}

// How a process may have ended.
const (
	hasExited = "exited with status "
	inPeace   = hasExited + "0"
	isKilled  = "was killed by SIGKILL"
	hasEnded  = "has ended" // nothing else is known
)

// ending says how the process ended, if it does so in time.
func (p held) ending(patience time.Duration) (how string, ended bool) {
	if p.pidfd >= 0 && !readable(p.pidfd, patience) {
		return "", false
	}
	ws, ok := p.status()
	switch {
	case !ok && p.seen != nil:
		<-p.seen.done
		return p.seen.how, true
	case !ok:
		return hasEnded, true
	case ws.Signaled():
		return "was killed by " + signalName(ws.Signal()), true
	}
	return fmt.Sprint(hasExited, ws.ExitStatus()), true
}

// signalName has a number for what has no name, such as real-time signals.
func signalName(s syscall.Signal) string {
	if name := unix.SignalName(s); name != "" {
		return name
	}
	return fmt.Sprintf("signal %d", int(s))
}

// moment is how long a process that was killed may take to end after its
// connections have.
const moment = 50 * time.Millisecond

const forever time.Duration = -1

// readable reports whether the FD becomes readable in time, which a pidfd does
// when the process has ended (pidfd_open(2)).
func readable(fd int, patience time.Duration) bool {
	for deadline := time.Now().Add(patience); ; {
		left := -1
		if patience != forever {
			left = int(max(0, time.Until(deadline)).Milliseconds())
		}
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, left)
		if err != unix.EINTR {
			return err == nil && n > 0
		}
	}
}

// status is the wait status of a process that has ended. Before its parent has
// asked for it, procfs has it; afterwards the pidfd has, since Linux 6.15.
func (p held) status() (unix.WaitStatus, bool) {
	if p.pidfd < 0 {
		return 0, false
	}
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.PID))
	if err == nil && unix.PidfdSendSignal(p.pidfd, 0, nil, 0) == nil {
		// It is this process's: another can only get the PID afterwards.
		return zombieStatus(data)
	}
	return pidfdStatus(p.pidfd)
}

// zombieStatus takes the exit code from the line in /proc/PID/stat (proc(5)).
func zombieStatus(stat []byte) (unix.WaitStatus, bool) {
	const state, exitCode = 0, 52 - 3 // what comes after the name is counted from 3
	// The name of the program, in parentheses, may have any character in it.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) <= exitCode || string(fields[state]) != "Z" {
		return 0, false
	}
	code, err := strconv.Atoi(string(fields[exitCode]))
	return unix.WaitStatus(code), err == nil
}

// pidfdInfo is the first version of struct pidfd_info (linux/pidfd.h).
type pidfdInfo struct {
	mask, cgroup uint64
	ids          [11]uint32
	exitCode     int32
}

func pidfdStatus(fd int) (unix.WaitStatus, bool) {
	const (
		infoExit = 1 << 3
		getInfo  = 3<<30 | unsafe.Sizeof(pidfdInfo{})<<16 | 0xff<<8 | 11 // _IOWR(0xff, 11, struct pidfd_info)
	)
	info := pidfdInfo{mask: infoExit}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), getInfo, uintptr(unsafe.Pointer(&info)))
	return unix.WaitStatus(info.exitCode), errno == 0 && info.mask&infoExit != 0
}
