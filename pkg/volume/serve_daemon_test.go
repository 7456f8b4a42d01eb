package volume

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"github.com/directfs/runsc/pkg/volume/handoff"
	"gvisor.dev/gvisor/pkg/log"
)

// daemonVariable makes the test program the daemon, and its workers. It is a
// daemonConfig.
const daemonVariable = "VOLUME_TEST_DAEMON"

func init() {
	if config := os.Getenv(daemonVariable); config != "" {
		if err := daemonMain(config); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
}

func request(sandbox, volume string) handoff.Request {
	return handoff.Request{Volume: volume, Container: sandbox + "-1", Sandbox: sandbox, Mount: "/data"}
}

// daemonConfig is what a test wants of its daemon.
type daemonConfig struct {
	Path string
	Root string // the directory of the volume "root"
	ServeOptions

	// These hide the options that JSON has no words for.
	Logger, Observe bool `json:",omitempty"`
}

// line is what a daemon and its workers write, in JSON, for the test to read.
type line struct {
	Type                  string
	PID                   int
	Sandbox, Volume, Word string
	Err                   string
}

func (l line) write() {
	l.PID = os.Getpid()
	b, err := json.Marshal(l)
	if err != nil {
		panic(err)
	}
	os.Stdout.Write(append(b, '\n'))
}

func daemonMain(config string) error {
	var c daemonConfig
	if err := json.Unmarshal([]byte(config), &c); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	l, err := Listen(c.Path)
	if err != nil {
		return err
	}
	if !l.IsWorker() {
		line{Type: "ready"}.write()
	}
	newLisafsServer = func(_ context.Context, v Volume, o MountOptions) (lisafsServer, error) {
		return fakeServer{v.(*fakeVolume), o}, nil
	}
	c.ServeOptions.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	c.ServeOptions.Observe = func(e Event) {
		line{Type: string(e.Type), Sandbox: e.Sandbox, Volume: e.Volume, Word: e.Refusal, Err: fmt.Sprint(e.Err)}.write()
	}
	return Serve(ctx, l, c.resolve, c.ServeOptions)
}

// resolve knows volumes that are called as what they do.
func (c daemonConfig) resolve(_ context.Context, r Request) (Source, error) {
	s := Source{Open: func(context.Context, []*os.File) (Volume, error) {
		line{Type: "opened", Volume: r.Volume}.write()
		return &fakeVolume{name: r.Volume, root: c.Root}, nil
	}}
	switch name, _, _ := strings.Cut(r.Volume, "-"); name {
	case "plain":
	case "readonly":
		s.ReadOnly = true
	case "root":
		s.DonatesRoot = true
	case "unready":
		s.Check = func(context.Context) error { return errors.New("no such bucket") }
	case "unopenable":
		s.Open = func(context.Context, []*os.File) (Volume, error) { return nil, errors.New("no such bucket") }
	case "nil":
		s.Open = func(context.Context, []*os.File) (Volume, error) { return nil, nil }
	case "hanging":
		hang := func() { select {} }
		s.Check = func(context.Context) error { hang(); return nil }
		s.Open = func(context.Context, []*os.File) (Volume, error) { hang(); return nil, nil }
	case "panicking":
		s.Check = func(context.Context) error { panic("of a check") }
		s.Open = func(context.Context, []*os.File) (Volume, error) { panic("of an open") }
	case "dying":
		s.Open = func(context.Context, []*os.File) (Volume, error) { os.Exit(3); return nil, nil }
	case "empty":
		s.Open = nil
	case "secret":
		return Source{}, fmt.Errorf("not for container %s: %w", r.Container, fs.ErrPermission)
	default:
		return Source{}, fmt.Errorf("no volume %s: %w", r.Volume, fs.ErrNotExist)
	}
	return s, nil
}

// fakeVolume has nothing but a name.
type fakeVolume struct {
	Volume
	name, root string

	donated []*os.File
}

func (v *fakeVolume) Close(context.Context) error {
	for _, f := range v.donated {
		f.Close()
	}
	line{Type: "closed", Volume: v.name}.write()
	return nil
}

func (v *fakeVolume) RootFile(context.Context) (*os.File, error) {
	f, err := os.Open(v.root)
	v.donated = append(v.donated, f)
	return f, err
}

// fakeServer does not speak LisaFS: it gets lines and answers each with one.
type fakeServer struct {
	v *fakeVolume
	o MountOptions
}

var ballast []byte

func (s fakeServer) Serve(socket *os.File) error {
	defer socket.Close()
	lines := bufio.NewScanner(socket)
	for lines.Scan() {
		word, number, _ := strings.Cut(lines.Text(), " ")
		answer := ""
		switch word {
		case "pid":
			answer = strconv.Itoa(os.Getpid())
		case "volume": // which object, and how it is mounted
			answer = fmt.Sprintf("%p %s %v", s.v, s.o.Name, s.o.ReadOnly)
		case "allocate":
			n, _ := strconv.Atoi(number)
			ballast = make([]byte, n)
			answer = "done"
		case "variable":
			answer = os.Getenv(workerVariable)
		case "hang":
			select {}
		case "warn": // as the engine does
			n, _ := strconv.Atoi(number)
			for range n {
				log.Warningf("flood")
			}
			answer = "done"
		case "goroutines":
			answer = strconv.Itoa(runtime.NumGoroutine())
		}
		if _, err := fmt.Fprintln(socket, answer); err != nil {
			return err
		}
	}
	return lines.Err()
}
