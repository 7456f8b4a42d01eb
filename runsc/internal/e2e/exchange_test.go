package e2e

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	"golang.org/x/sys/unix"
)

// exchanges is a goroutine that exchanges two directories until it is stopped.
type exchanges struct {
	count atomic.Int64
	done  chan struct{}
	ended chan error
}

func exchange(p, q string) *exchanges {
	m := &exchanges{done: make(chan struct{}), ended: make(chan error, 1)}
	go func() {
		for {
			select {
			case <-m.done:
				m.ended <- nil
				return
			default:
			}
			if err := unix.Renameat2(unix.AT_FDCWD, p, unix.AT_FDCWD, q, unix.RENAME_EXCHANGE); err != nil {
				m.ended <- err
				return
			}
			m.count.Add(1)
		}
	}()
	return m
}

// await returns when the directories have been exchanged again.
func (m *exchanges) await() {
	for before := m.count.Load(); m.count.Load() == before && len(m.ended) == 0; {
		runtime.Gosched()
	}
}

func (m *exchanges) stop() error {
	close(m.done)
	return <-m.ended
}

// A co-tenant exchanges the parents of two mount points in a shared volume
// while the container starts.
func TestParentsExchangedDuringStart(t *testing.T) {
	lab := newLab(t)
	volume := volume(lab, "volume")
	p, q := filepath.Join(volume, "p"), filepath.Join(volume, "q")
	for _, dir := range []string{p, q} {
		if err := os.MkdirAll(filepath.Join(dir, "m"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	m := exchange(p, q)
	for range 12 {
		m.await()
		c := lab.Serve(t, lab.Bundle(t, harness.RootfsHint("off"), harness.MountFrom(volume, "/v", "rw", "directfs=off"),
			harness.Mount("/v/p/m", "rw", "directfs=on"), harness.Mount("/v/q/m", "rw", "directfs=off"), harness.Args("serve")))
		readReport(t, c)
		checkHeld(t, c, []string{"/v/p/m"})
		stop(t, lab, c)
	}
	if err := m.stop(); err != nil {
		t.Error(err)
	}
}

// Somebody exchanges the directory that a source leads through while the
// container is created. What is served is what the decision was made for, or
// nothing.
func TestSourceExchangedDuringCreate(t *testing.T) {
	lab := newLab(t)
	dir := volume(lab, "volume")
	p, q := filepath.Join(dir, "p"), filepath.Join(dir, "q")
	for _, d := range []string{p, q} {
		if err := os.MkdirAll(filepath.Join(d, "s"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	m := exchange(p, q)
	refused, served := 0, 0
	for range 100 {
		b := lab.Bundle(t, harness.RootfsHint("off"), harness.MountFrom(filepath.Join(p, "s"), "/a", "rw", "directfs=on"), harness.Args("serve"))
		c, err := lab.Create(harness.Context(t), lab.ID(), b)
		if err != nil {
			if !strings.Contains(err.Error(), "the source was replaced by another file while the container was created") {
				t.Fatal(err)
			}
			refused++
		} else {
			served++
			lab.Keep(t, c)
			if err := c.Start(harness.Context(t)); err != nil {
				t.Fatal(err)
			}
			checkHoldsPlanned(t, lab.Runtime, c)
			stop(t, lab, c)
		}
		if refused > 0 && served > 2 {
			break
		}
	}
	if err := m.stop(); err != nil {
		t.Error(err)
	}
	if refused == 0 || served == 0 {
		t.Errorf("%d containers were refused and %d were served", refused, served)
	}
}
