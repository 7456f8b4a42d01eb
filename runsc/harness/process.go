package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// process is a sandbox or a gofer: started by a runsc that is gone, and thereby
// a child of this process.
type process struct {
	pid   int
	ended chan struct{}
	state *os.ProcessState // after ended
	err   error            // after ended
}

// adopt starts to wait for the process, which reaps it.
func adopt(pid int) (*process, error) {
	p, err := os.FindProcess(pid)
	if err != nil {
		return nil, err
	}
	a := &process{pid: pid, ended: make(chan struct{})}
	go func() {
		defer close(a.ended)
		a.state, a.err = p.Wait()
	}()
	return a, nil
}

// wait waits for the end and returns the exit code; for a process that a signal
// ended it is 128 and the signal's number, as runsc has it.
func (p *process) wait(ctx context.Context) (int, error) {
	select {
	case <-p.ended:
	case <-ctx.Done():
		return 0, fmt.Errorf("wait for process %d: %w", p.pid, ctx.Err())
	}
	if p.err != nil {
		return 0, fmt.Errorf("wait for process %d: %w", p.pid, p.err)
	}
	if ws, ok := p.state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal()), nil
	}
	return p.state.ExitCode(), nil
}

// waitGone waits until the process, of whatever parent, has ended: a pidfd
// becomes readable then (pidfd_open(2)).
func waitGone(ctx context.Context, pid int) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("pidfd_open %d: %w", pid, err)
	}
	defer unix.Close(fd)
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, pollTimeout(ctx))
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return fmt.Errorf("poll pidfd of %d: %w", pid, err)
		case n == 0:
			return fmt.Errorf("process %d is still there: %w", pid, context.DeadlineExceeded)
		default:
			return nil
		}
	}
}

// pollTimeout returns the time until the deadline as poll(2) wants it.
func pollTimeout(ctx context.Context) int {
	d, ok := ctx.Deadline()
	if !ok {
		return -1
	}
	return int(max(0, time.Until(d).Milliseconds()))
}
