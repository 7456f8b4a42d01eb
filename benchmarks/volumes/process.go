package volumes

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

const (
	// startTime bounds how long a program may take until it serves.
	startTime = 30 * time.Second

	// endTime bounds how long it may take to end.
	endTime = 30 * time.Second

	// lingerTime is how long a client may go on after its mount is gone.
	lingerTime = 5 * time.Second

	// pause is between two looks at something that cannot be waited for.
	pause = 2 * time.Millisecond
)

// process is a program in the background.
type process struct {
	cmd   *exec.Cmd
	log   string
	ended chan struct{}
}

// start starts a program whose output goes to the end of a file. A signal for
// the terminal's foreground group does not reach it: it is ended by [process.end].
func start(log string, env []string, args ...string) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd, log, make(chan struct{})}
	go func() {
		_ = cmd.Wait() // how it ended is in its log
		close(p.ended)
	}()
	return p, nil
}

// until looks again and again whether the process serves.
func (p *process) until(ctx context.Context, ready func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		if ok, err := ready(); ok || err != nil {
			return err
		}
		select {
		case <-p.ended:
			return p.failure("ended before it served")
		case <-ctx.Done():
			return errors.Join(p.failure("does not serve"), context.Cause(ctx))
		case <-tick.C:
		}
	}
}

// failure has the last lines that the program wrote.
func (p *process) failure(what string) error {
	const most = 600
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err
	}
	text = text[max(0, len(text)-most):]
	return fmt.Errorf("%s %s: %s", p.cmd.Path, what, strings.TrimSpace(string(text)))
}

// end asks the process to end and waits for it. One that does not is killed,
// which is an error.
func (p *process) end() error {
	// It may have ended by itself.
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	if p.ends(endTime) {
		return nil
	}
	err := p.failure("did not end and was killed")
	p.kill()
	return err
}

// ends waits for the process to end by itself.
func (p *process) ends(limit time.Duration) bool {
	late := time.NewTimer(limit)
	defer late.Stop()
	select {
	case <-p.ended:
		return true
	case <-late.C:
		return false
	}
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill() // or it has just ended
	<-p.ended
}
