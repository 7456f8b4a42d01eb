package volume

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/directfs/runsc/pkg/volume/internal/packet"
	"golang.org/x/sys/unix"
)

// workerVariable is, in a worker's environment, the path of the listener that it
// is a worker of. orderFD is its end of a pair of sockets, where exec.Cmd puts
// an extra file.
const (
	workerVariable = "DIRECTFS_VOLUME_WORKER"
	orderFD        = 3
)

// spawner starts workers from a thread of its own, which lives as long as they
// do: a worker gets its signal when the thread that has started it ends, prctl(2)
// PR_SET_PDEATHSIG, and it has the thread's PR_SET_NO_NEW_PRIVS.
type spawner struct {
	start chan func()
}

func newSpawner() *spawner {
	s := &spawner{start: make(chan func())}
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with this function
		for f := range s.start {
			f()
		}
	}()
	return s
}

// stop must not be called before all workers have ended.
func (s *spawner) stop() { close(s.start) }

// process is a worker that was started.
type process struct {
	cmd     *exec.Cmd
	control *net.UnixConn
	words   lastWords
}

// spawn starts this program again.
func (s *spawner) spawn(path string) (*process, error) {
	ours, theirs, err := packet.Pair()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	control, err := packet.Conn(ours)
	if err != nil {
		return nil, err
	}
	p := &process{control: control, words: lastWords{out: os.Stderr}}
	p.cmd = &exec.Cmd{
		Path:        "/proc/self/exe",
		Args:        os.Args,
		Env:         append(os.Environ(), workerVariable+"="+path),
		Stdout:      os.Stdout,
		Stderr:      &p.words,
		WaitDelay:   time.Second, // for stderr: the worker may have left a child
		ExtraFiles:  []*os.File{theirs},
		SysProcAttr: &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL},
	}
	started := make(chan error)
	s.start <- func() {
		err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
		if err == nil {
			err = p.cmd.Start()
		}
		started <- err
	}
	if err := <-started; err != nil {
		control.Close()
		return nil, fmt.Errorf("starting a worker: %w", err)
	}
	return p, nil
}

// wait returns, when the process has ended, how it did unless in good order.
func (p *process) wait() error {
	err := p.cmd.Wait()
	if err == nil || errors.Is(err, exec.ErrWaitDelay) {
		return nil
	}
	if p.words.crash != "" {
		return fmt.Errorf("%w: %s", err, p.words.crash)
	}
	return err
}

// lastWords passes on what a process writes to stderr, and remembers what the Go
// runtime says of a crash. (debug.SetCrashOutput would leave that line out.)
type lastWords struct {
	out   io.Writer
	line  []byte // the one that is not complete
	crash string
}

// crashes are how such a line begins. Without memory the runtime may also fail in
// other ways than it should.
var crashes = []string{"fatal error: ", "panic: ", "runtime/cgo: ", "SIG"}

func (w *lastWords) Write(b []byte) (int, error) {
	for part := range bytes.Lines(b) {
		w.line = append(w.line, part[:min(len(part), max(0, 512-len(w.line)))]...)
		if part[len(part)-1] != '\n' {
			break
		}
		if w.crash == "" && slices.ContainsFunc(crashes, func(c string) bool { return strings.HasPrefix(string(w.line), c) }) {
			w.crash = string(bytes.TrimSpace(w.line))
		}
		w.line = w.line[:0]
	}
	return w.out.Write(b)
}
