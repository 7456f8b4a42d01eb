package supervise

import (
	"slices"
	"strings"
	"sync"
	"testing"
)

// hellos are the processes of a client that said hello.
type hellos struct {
	mu  sync.Mutex
	all []Process
}

func (h *hellos) add(p Process) Answer {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all = append(h.all, p)
	return Answer{Data: []byte("way")}
}

func (h *hellos) said() []Process {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.all)
}

// A process that executes itself again is answered again, and is one process.
func TestHelloAgain(t *testing.T) {
	for _, kind := range []Kind{Gofer, Sandbox} {
		var h hellos
		c, err := Start(Options{Mounts: 10, OnHello: h.add})
		if err != nil {
			t.Fatal(err)
		}
		cmd := start(t, "again "+string(kind))
		_ = cmd.Wait()
		got := c.Reasons(enough)
		if len(got) != 1 || !strings.HasPrefix(got[0], string(kind)+" process: no way: ") {
			t.Errorf("%s: %.200q", kind, got)
		}
		if want := []Process{{kind, cmd.Process.Pid}}; !slices.Equal(h.said(), want) {
			t.Errorf("%s: said hello: %v, want %v", kind, h.said(), want)
		}
	}
}

// One that says hello without end is not heard any more, and ends.
func TestHelloWithoutEnd(t *testing.T) {
	for _, kind := range []Kind{Gofer, Sandbox} {
		var h hellos
		c, err := Start(Options{Mounts: 10, OnHello: h.add})
		if err != nil {
			t.Fatal(err)
		}
		cmd := start(t, "hellos "+string(kind))
		expectExit(t, cmd)
		if want := []Process{{kind, cmd.Process.Pid}}; !slices.Equal(h.said(), want) {
			t.Errorf("%s: %d hellos, want %v", kind, len(h.said()), want)
		}
		want := []string{string(kind) + " process: it says again and again that it starts"}
		if got := c.Reasons(enough); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", kind, got, want)
		}
	}
}
