package e2e

import (
	"os"
	"path/filepath"
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

	moved, done := moveToAndFro(inside, outside)
	r := runAttacks(t, j)["rename-race"]
	close(done)
	res := <-moved
	if res.err != nil || res.count < 100 {
		t.Fatalf("moved the directory %d times: %v", res.count, res.err)
	}
	t.Logf("moved %d times", res.count)
	checkStopped(t, r, "ENOENT")
	if r.Looked == 0 {
		t.Error("no lookup succeeded at all")
	}
	stop(t, lab, c)
}

type moves struct {
	count int
	err   error
}

// moveToAndFro moves a directory until told to stop. It ends where it began.
func moveToAndFro(from, to string) (<-chan moves, chan<- struct{}) {
	result, done := make(chan moves, 1), make(chan struct{})
	go func() {
		m := moves{}
		defer func() { result <- m }()
		for {
			select {
			case <-done:
				return
			default:
			}
			for _, p := range [][2]string{{from, to}, {to, from}} {
				if m.err = unix.Rename(p[0], p[1]); m.err != nil {
					return
				}
			}
			m.count++
		}
	}()
	return result, done
}
