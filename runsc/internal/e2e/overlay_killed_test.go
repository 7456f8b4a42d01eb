package e2e

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/directfs/runsc/runsc/harness"
	"golang.org/x/sys/unix"
)

// checkFree expects that nothing of a stack is locked or mounted any more, and that
// a container can have it.
func (s stack) checkFree(t *testing.T, lab *harness.Lab) {
	t.Helper()
	s.checkUnlocked(t)
	for _, l := range s.layers() {
		if left := overlaysWith(t, l); len(left) > 0 {
			t.Errorf("still mounted: %q", left)
		}
	}
	res, err := lab.Run(harness.Context(t), lab.ID(), lab.Bundle(t, s.at("/ov"), harness.Args("ops", "/ov")))
	if err == nil {
		err = res.Err()
	}
	if err != nil {
		t.Errorf("a later container: %v", err)
	}
}

// The lock of an upper layer ends with the processes of its container, however they
// end.
func TestOverlayFreeAfterKill(t *testing.T) {
	for _, directfs := range []bool{true, false} {
		for _, victim := range []string{"gofer", "sandbox", "both", "none"} {
			t.Run(flag(directfs)+",kill="+victim, func(t *testing.T) {
				lab := newLab(t, flag(directfs))
				s := newStack(t, lab, "s", 2)
				c := lab.Serve(t, lab.Bundle(t, s.at("/ov"), harness.Args("serve", "/ov")))
				checkOpsInside(t, readReport(t, c))
				for name, pid := range map[string]int{"gofer": c.GoferPID, "sandbox": c.SandboxPID} {
					if victim != name && victim != "both" {
						continue
					}
					if err := unix.Kill(pid, unix.SIGKILL); err != nil {
						t.Fatal(err)
					}
				}
				if err := c.Delete(harness.Context(t)); err != nil {
					t.Error(err)
				}
				lab.CheckGone(t, c.ID)
				s.checkFree(t, lab)
			})
		}
	}
}

// A client that is killed at any moment leaves no lock and no mount, once its
// container is deleted or the next command has removed what was left.
func TestOverlayKilledClient(t *testing.T) {
	lab := newLab(t)
	s := newStack(t, lab, "s", 2)
	killClients(t, lab, s.at("/ov"), func() { s.checkUnlocked(t) })
	s.checkFree(t, lab)
}

// The same of a gofer or a sandbox process that is killed while it starts.
func TestOverlayKilledChildren(t *testing.T) {
	lab := newLab(t)
	s := newStack(t, lab, "s", 2)
	n, random := kills(t)
	for i := range n / 2 {
		b := lab.Bundle(t, s.at("/ov"), harness.Args("serve"))
		id := lab.ID()
		killWhile(t, []string{"runsc-gofer", "runsc-sandbox"}[i%2], id, random, func() { createAttended(t, lab, b, id) })
		checkAfterKill(t, lab, id)
		s.checkUnlocked(t)
	}
	s.checkFree(t, lab)
}

// killWhile kills a process of a container at some moment of its start.
func killWhile(t *testing.T, victim, id string, random *rand.Rand, start func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(harness.Context(t))
	pause := time.Duration(random.Int64N(int64(40 * time.Millisecond)))
	killed := make(chan bool, 1)
	go func() { killed <- killChild(ctx, victim, id, pause) }()
	start()
	cancel()
	<-killed
}

// A container that joins a pod, and the client or gofer that starts it is killed.
func TestOverlayKilledStart(t *testing.T) {
	lab := newLab(t)
	s := newStack(t, lab, "s", 2)
	pause := servePod(t, lab, lab.Runtime, true, harness.PodSandbox())
	n, random := kills(t)
	for i := range n / 2 {
		b := lab.Bundle(t, harness.PodMember(pause.ID, "app"), s.at("/ov"), harness.Args("serve"))
		c, err := lab.Create(harness.Context(t), lab.ID(), b)
		if err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			cmd := clientOf(lab, "start", c.ID)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			killAfter(t, cmd, time.Duration(random.Int64N(int64(100*time.Millisecond))))
		} else {
			killWhile(t, "runsc-gofer", c.ID, random, func() { attended(t, lab, b.Dir, "start", c.ID) })
		}
		remove(t, lab, c)
		lab.CheckGone(t, c.ID)
		s.checkUnlocked(t)
	}
	stop(t, lab, pause)
	s.checkFree(t, lab)
}

// A container that ends at once and is started anew, again and again, as by a
// restart policy: each finds what the one before wrote, and the upper layer free.
func TestOverlayCrashLoop(t *testing.T) {
	for _, directfs := range []bool{true, false} {
		t.Run(flag(directfs), func(t *testing.T) {
			lab := newLab(t, flag(directfs))
			s := newStack(t, lab, "s", 2)
			b := lab.Bundle(t, s.at("/ov"), harness.Args("exit", "3"))
			for range 8 {
				res, err := lab.Run(harness.Context(t), lab.ID(), b)
				if err != nil || res.ExitCode != 3 {
					t.Fatalf("%+v, %v", res, err)
				}
			}
			id := lab.ID()
			for range 4 { // the same name, as containerd does
				c, err := lab.RunDetached(harness.Context(t), id, b)
				if err != nil {
					t.Fatal(err)
				}
				if code, err := c.Wait(harness.Context(t)); err != nil || code != 3 {
					t.Errorf("exit code %d, %v", code, err)
				}
				if err := c.Delete(harness.Context(t)); err != nil {
					t.Fatal(err)
				}
			}
			s.checkFree(t, lab)
		})
	}
}
