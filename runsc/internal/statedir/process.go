package statedir

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/runsc/specutils"
)

// process identifies a process beyond the reuse of its PID.
type process struct {
	PID int `json:"pid"`

	// Start is the time at which it started, in clock ticks since the boot
	// (proc(5), field 22 of stat).
	Start string `json:"start"`

	// Boot is the boot's ID (random(4), /proc/sys/kernel/random/boot_id): the
	// root directory may outlive it.
	Boot string `json:"boot"`
}

func identify(pid int) (process, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return process{}, err
	}
	// The name of the program, in parentheses, may have any character in it.
	fields := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
	const start = 22 - 3
	if len(fields) <= start {
		return process{}, fmt.Errorf("/proc/%d/stat has only %d fields", pid, len(fields))
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return process{}, err
	}
	return process{PID: pid, Start: fields[start], Boot: strings.TrimSpace(string(boot))}, nil
}

// end makes sure that processes have ended. They do so by themselves when they
// see that their client is gone.
func end(all []process) error {
	const patience = 5 * time.Second
	var errs []error
	for _, p := range all {
		if err := p.kill(); err != nil {
			errs = append(errs, fmt.Errorf("killing process %d: %w", p.PID, err))
			continue
		}
		if now, err := identify(p.PID); err == nil && now == p {
			errs = append(errs, specutils.WaitForNonChildExit(p.PID, patience))
		}
	}
	return errors.Join(errs...)
}

// kill kills no other process that gets the PID meanwhile.
func (p process) kill() error {
	fd, err := unix.PidfdOpen(p.PID, 0)
	if err != nil {
		return ignore(err, unix.ESRCH)
	}
	defer unix.Close(fd)
	if now, err := identify(p.PID); err != nil || now != p {
		return nil
	}
	return ignore(unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0), unix.ESRCH)
}
