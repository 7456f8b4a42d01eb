package volume

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"

	"github.com/directfs/runsc/pkg/volume/internal/packet"
	"golang.org/x/sys/unix"
)

// workerVariable is, in a worker's environment, the path of the listener that it
// is a worker of. The FDs of a worker are where exec.Cmd puts extra files.
const (
	workerVariable = "DIRECTFS_VOLUME_WORKER"
	orderFD      = 3 // a packet socket: orders and reports
	crashFD        = 4 // a pipe: what the Go runtime says of a crash
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
	crash   *os.File
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
	crash, crashEnd, err := crashPipe()
	if err != nil {
		control.Close()
		return nil, err
	}
	defer crashEnd.Close()
	p := &process{control: control, crash: crash, cmd: &exec.Cmd{
		Path:        "/proc/self/exe",
		Args:        os.Args,
		Env:         append(os.Environ(), workerVariable+"="+path),
		Stdout:      os.Stdout,
		Stderr:      os.Stderr,
		ExtraFiles:  []*os.File{theirs, crashEnd},
		SysProcAttr: &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL},
	}}
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
		crash.Close()
		return nil, fmt.Errorf("starting a worker: %w", err)
	}
	return p, nil
}

// crashPipe returns a pipe that never blocks its writer, who is about to die.
func crashPipe() (r, w *os.File, err error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return nil, nil, os.NewSyscallError("pipe2", err)
	}
	return os.NewFile(uintptr(fds[0]), "crash"), os.NewFile(uintptr(fds[1]), "crash"), nil
}

// wait returns, when the process has ended, how it did unless in good order.
func (p *process) wait() error {
	err := p.cmd.Wait()
	defer p.crash.Close()
	if err == nil {
		return nil
	}
	if said := p.lastWords(); said != "" {
		return fmt.Errorf("%w: %s", err, said)
	}
	return err
}

// lastWords returns the first line of what the Go runtime said of a crash:
// "fatal error: ..." or "panic: ...".
func (p *process) lastWords() string {
	raw, err := p.crash.SyscallConn()
	if err != nil {
		return ""
	}
	var words [512]byte
	n := 0
	// Nobody else has the pipe now, unless the worker has left a child: what it
	// does not hold must not be waited for.
	_ = raw.Read(func(fd uintptr) bool {
		n, err = unix.Read(int(fd), words[:])
		return true
	})
	if n <= 0 || errors.Is(err, unix.EAGAIN) {
		return ""
	}
	line, _ := bufio.NewReader(strings.NewReader(string(words[:n]))).ReadString('\n')
	return strings.TrimSpace(line)
}
