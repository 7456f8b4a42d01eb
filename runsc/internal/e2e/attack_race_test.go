package e2e

import (
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	"golang.org/x/sys/unix"
)

// Somebody who may write to two sources moves a directory from the donated one
// to the other and back, while the sandbox, which holds the directory, asks for
// its parents. A mount's root stops "..", wherever the directory is at that
// moment.
func TestAttackRenameRace(t *testing.T) {
	lab := newLab(t)
	b := lab.Bundle(t, harness.Mount("/a", "rw", "directfs=on"), harness.Mount("/b", "rw", "directfs=off"),
		harness.RootfsHint("off"), harness.Args("serve", "/a"))
	inside, outside := filepath.Join(b.Source("/a"), "x"), filepath.Join(b.Source("/b"), "deep", "x")
	for _, dir := range []string{filepath.Join(inside, "y"), filepath.Dir(outside)} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	c := lab.Serve(t, b)
	readReport(t, c)
	j := jobFor(t, c, []string{"/b"}, nil)
	j.Attempts, j.Names, j.Rounds = []string{"rename-race"}, []string{"x/y"}, 50000

	m := moveToAndFro(inside, outside)
	// A busy machine may let it move too little while one attack runs.
	for first := true; first || m.count.Load() < 100 && !m.hasEnded() && !t.Failed(); first = false {
		r := runAttacks(t, j)["rename-race"]
		checkStopped(t, r, "ENOENT")
		if r.Looked == 0 {
			t.Error("no lookup succeeded at all")
		}
	}
	if err := m.stop(); err != nil {
		t.Errorf("after %d moves: %v", m.count.Load(), err)
	}
	t.Logf("moved %d times", m.count.Load())
	stop(t, lab, c)
}

// mover moves a directory until told to stop.
type mover struct {
	count       atomic.Int64
	done, ended chan struct{}
	err         error // after ended
}

// moveToAndFro ends where it began.
func moveToAndFro(from, to string) *mover {
	m := &mover{done: make(chan struct{}), ended: make(chan struct{})}
	go func() {
		defer close(m.ended)
		for {
			select {
			case <-m.done:
				return
			default:
			}
			for _, p := range [][2]string{{from, to}, {to, from}} {
				if m.err = unix.Rename(p[0], p[1]); m.err != nil {
					return
				}
			}
			m.count.Add(1)
		}
	}()
	return m
}

func (m *mover) hasEnded() bool {
	select {
	case <-m.ended:
		return true
	default:
		return false
	}
}

func (m *mover) stop() error {
	close(m.done)
	<-m.ended
	return m.err
}
