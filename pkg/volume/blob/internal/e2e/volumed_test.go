package e2e

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	"golang.org/x/sys/unix"
)

// daemon is a running "volumed serve".
type daemon struct {
	cmd       *exec.Cmd
	listening chan struct{}
	ended     chan struct{} // closed when the workers have ended, too

	mu  sync.Mutex
	log strings.Builder
}

// startDaemon returns when the daemon listens. There may have been one before. At
// the end of the test the daemon has to end in good order.
func (l *lab) startDaemon(t *testing.T) {
	t.Helper()
	config := filepath.Join(l.dir, "config.json")
	text, err := json.Marshal(l.settings)
	check(t, errors.Join(err, os.WriteFile(config, text, 0o600)))
	d := &daemon{listening: make(chan struct{}), ended: make(chan struct{})}
	d.cmd = exec.Command(os.Args[0], "serve", "--config", config)
	if l.user != 0 {
		l.give(t, d.cmd, config)
	}
	d.cmd.Env = append(os.Environ(), asVolumed+"=1")
	log, err := d.cmd.StderrPipe()
	check(t, err)
	check(t, d.cmd.Start())
	go d.follow(bufio.NewScanner(log))
	l.daemon, l.daemons = d, append(l.daemons, d)
	t.Cleanup(func() {
		d.end(unix.SIGTERM)
		if t.Failed() {
			t.Logf("log of volumed:\n%s", d.text())
		}
	})
	select {
	case <-d.listening:
	case <-d.ended:
		t.Fatalf("volumed does not listen:\n%s", d.text())
	}
}

func (d *daemon) follow(lines *bufio.Scanner) {
	defer close(d.ended)
	for listening := false; lines.Scan(); {
		d.mu.Lock()
		fmt.Fprintln(&d.log, lines.Text())
		d.mu.Unlock()
		if !listening && strings.Contains(lines.Text(), "msg=listening") {
			close(d.listening)
			listening = true
		}
	}
	_ = d.cmd.Wait()
}

func (d *daemon) text() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.log.String()
}

// end sends a signal and waits until all processes of the daemon have ended.
func (d *daemon) end(s syscall.Signal) {
	_ = d.cmd.Process.Signal(s)
	<-d.ended
}

// stop ends the daemon in good order.
func (d *daemon) stop(t *testing.T) {
	t.Helper()
	d.end(unix.SIGTERM)
	if code := d.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("volumed ended with status %d", code)
	}
}

// workers are the processes that serve sandboxes.
func (d *daemon) workers(t *testing.T) (pids []int) {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	check(t, err)
	for _, e := range entries {
		status, err := os.ReadFile("/proc/" + e.Name() + "/status")
		if err != nil || !strings.Contains(string(status), "\nPPid:\t"+strconv.Itoa(d.cmd.Process.Pid)+"\n") {
			continue
		}
		pid, err := strconv.Atoi(e.Name())
		check(t, err)
		pids = append(pids, pid)
	}
	return pids
}

// worker is the only one.
func (d *daemon) worker(t *testing.T) int {
	t.Helper()
	pids := d.workers(t)
	if len(pids) != 1 {
		t.Fatalf("workers are %v", pids)
	}
	return pids[0]
}

// awaitIdle returns when no sandbox is served.
func (d *daemon) awaitIdle(t *testing.T) {
	t.Helper()
	for _, pid := range d.workers(t) {
		fd, err := unix.PidfdOpen(pid, 0)
		if errors.Is(err, unix.ESRCH) {
			continue
		}
		check(t, err)
		f := os.NewFile(uintptr(fd), "pidfd")
		eventually(t, func() error {
			n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 100)
			if err == nil && n == 1 {
				return nil
			}
			return fmt.Errorf("worker %d is still there: %w", pid, err)
		})
		check(t, f.Close())
	}
}

// uses are the directories of the sandboxes that are or were served.
func (l *lab) uses(t *testing.T) []string {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join(l.settings.StateDir, "volumes", "*", "*"))
	check(t, err)
	return dirs
}

// expectClean waits until nothing of any sandbox is left.
func (l *lab) expectClean(t *testing.T) {
	t.Helper()
	l.daemon.awaitIdle(t)
	eventually(t, func() error {
		if dirs := l.uses(t); len(dirs) > 0 {
			return fmt.Errorf("left in the state directory: %q", dirs)
		}
		return nil
	})
}

// remove deletes a container, however it ended, and looks for what it left.
func (l *lab) remove(t *testing.T, c *harness.Container) {
	t.Helper()
	check(t, c.Delete(harness.Context(t)))
	l.CheckGone(t, c.ID)
}
