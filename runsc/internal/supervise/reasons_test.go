package supervise

import (
	"slices"
	"testing"
	"time"

	"github.com/directfs/runsc/runsc/internal/supervise/socket"
	"golang.org/x/sys/unix"
)

// Processes that do not end keep nobody waiting, however many they are.
func TestReasonsOfProcessesThatStay(t *testing.T) {
	said := make(chan Process, 2)
	c, err := Start(Options{OnHello: func(p Process) Answer { said <- p; return Answer{} }})
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []Kind{Gofer, Sandbox} {
		start(t, "wait "+string(kind))
		<-said
	}
	reasons := make(chan []string, 1)
	go func() { reasons <- c.Reasons(time.Second) }()
	select {
	case got := <-reasons:
		if got != nil {
			t.Errorf("%q", got)
		}
	case <-time.After(enough):
		t.Error("the client still waits for them")
	}
}

// What is wrong with a process's flags is heard, too.
func TestReasonsBeforeHello(t *testing.T) {
	for _, kind := range []Kind{Gofer, Sandbox} {
		c, err := Start(Options{})
		if err != nil {
			t.Fatal(err)
		}
		_ = start(t, "flags "+string(kind)).Wait()
		if got, want := c.Reasons(enough), []string{string(kind) + " process: no such flag"}; !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// What a process has said is heard without patience, too.
func TestReasonsAtOnce(t *testing.T) {
	e, err := newEnd(Gofer, Options{}, 62)
	if err != nil {
		t.Fatal(err)
	}
	process, err := unix.FcntlInt(uintptr(e.inherited), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(process) }) // it stays
	if _, err := unix.Write(process, append([]byte{socket.Error}, "not so well"...)); err != nil {
		t.Fatal(err)
	}
	c := &Children{ends: []*end{e}}
	go e.receive(e.fd, nil)
	if got, want := c.Reasons(0), []string{"gofer process: not so well"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	select {
	case <-e.done:
	default:
		t.Error("it has waited in vain")
	}
}
