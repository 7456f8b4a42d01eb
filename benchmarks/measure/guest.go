package measure

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/directfs/runsc/benchmarks/workload"
)

// answerTime bounds how long a guest may take for one sample, or to start.
const answerTime = 2 * time.Minute

// guest is a worker program that serves, in a container or not.
type guest struct {
	place  *place
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *json.Decoder
	errs   *strings.Builder
	mount  string
	closed bool
}

// foreground prepares a command that a signal for the terminal's foreground
// group does not reach: we end it ourselves, and clean up.
func foreground(ctx context.Context, path string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// startGuest starts a command of a place that becomes a serving worker, and
// waits until it says so.
func startGuest(l *place, cmd *exec.Cmd, start func(*exec.Cmd) error) (*guest, error) {
	g := &guest{place: l, cmd: cmd, errs: new(strings.Builder)}
	cmd.Stderr = g.errs
	var err error
	if g.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := start(cmd); err != nil {
		return nil, err
	}
	g.out = json.NewDecoder(bufio.NewReader(out))
	var hello workload.Hello
	if err := g.read(&hello); err != nil {
		return nil, errors.Join(err, g.kill())
	}
	g.mount = hello.Mount
	return g, nil
}

// read reads a line of the guest's, which is killed if there is none in time.
func (g *guest) read(answer any) error {
	late := time.AfterFunc(answerTime, func() { g.cmd.Process.Kill() })
	defer late.Stop()
	if err := g.out.Decode(answer); err != nil {
		return fmt.Errorf("no answer from the guest: %w", err)
	}
	return nil
}

// guestError is what a guest says of a workload that failed. The guest goes on.
type guestError string

func (e guestError) Error() string { return string(e) }

// measure asks for one sample.
func (g *guest) measure(r workload.Request) (workload.Answer, error) {
	var a workload.Answer
	if err := json.NewEncoder(g.in).Encode(r); err != nil {
		return a, err
	}
	if err := g.read(&a); err != nil {
		return a, err
	}
	if a.Error != "" {
		return a, guestError(a.Error)
	}
	return a, nil
}

// stop ends the guest by the end of its input, and waits.
func (g *guest) stop() error {
	if g.closed {
		return nil
	}
	g.closed = true
	err := errors.Join(g.in.Close(), g.cmd.Wait())
	if err != nil {
		return fmt.Errorf("end of the guest: %w: %s", err, strings.TrimSpace(g.errs.String()))
	}
	return nil
}

// kill ends the command at once and tells what it said. What it started is
// removed by its place.
func (g *guest) kill() error {
	g.closed = true
	if err := g.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	err := g.cmd.Wait()
	if text := strings.TrimSpace(g.errs.String()); text != "" {
		return errors.New(text)
	}
	return err
}
