package e2e

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	"golang.org/x/sys/unix"
)

// One directory is the upper layer of one container, in whatever pod, and the
// other one is told which.
func TestOverlayUpperInUse(t *testing.T) {
	lab := newLab(t)
	s := newStack(t, lab, "s", 1)
	c := lab.Serve(t, lab.Bundle(t, s.at("/ov"), harness.Args("serve")))
	readReport(t, c)
	by := fmt.Sprintf("container %q (process %d)", c.ID, c.GoferPID)
	for name, other := range map[string]stack{
		"upperdir": {s.lowers, s.upper, newStack(t, lab, "o", 1).work},
		"workdir":  {s.lowers, newStack(t, lab, "o", 1).upper, s.work},
	} {
		id := lab.ID()
		_, err := lab.Create(harness.Context(t), id, lab.Bundle(t, other.at("/ow"), harness.Args("serve")))
		path := map[string]string{"upperdir": s.upper, "workdir": s.work}[name]
		checkRefused(t, err, `create: mount "/ow": overlay option `+name+` "`+path+`": is in use by `+by+`: use a directory of its own`)
		lab.CheckGone(t, id)
	}
	// The kernel refuses it as a lower layer only with an index.
	other := newStack(t, lab, "l", 1)
	other.lowers = []string{s.upper}
	_, err := lab.Create(harness.Context(t), lab.ID(), lab.Bundle(t, other.at("/ow", "index=on"), harness.Args("serve")))
	checkRefused(t, err, `create: mount "/ow": overlay option lowerdir "`+s.upper+`": is in use by `+by+`: use a copy, or end the other overlay first: fsconfig(2) create: device or resource busy`)
	stop(t, lab, c)
	s.checkUnlocked(t)
	c = lab.Serve(t, lab.Bundle(t, s.at("/ov"), harness.Args("serve", "/ov")))
	checkOpsInside(t, readReport(t, c))
	stop(t, lab, c)
}

// Two overlays of one container cannot have one upper layer either.
func TestOverlayUpperTwice(t *testing.T) {
	lab := newLab(t)
	s := newStack(t, lab, "s", 1)
	id := lab.ID()
	_, err := lab.Create(harness.Context(t), id, lab.Bundle(t, s.at("/ov"), s.at("/ow"), harness.Args("serve")))
	checkRefused(t, err, `create: mount "/ow": overlay option upperdir "`+s.upper+`": is in use by mount "/ov" of this container: use a directory of its own
mount "/ow": overlay option workdir "`+s.work+`": is in use by mount "/ov" of this container: use a directory of its own`)
	lab.CheckGone(t, id)
	s.checkUnlocked(t)
}

// createTwoMembers creates two containers of a pod with the same options.
func createTwoMembers(t *testing.T, lab *harness.Lab, pause *harness.Container, options ...harness.Option) (one, two *harness.Container) {
	t.Helper()
	var members [2]*harness.Container
	for i := range members {
		c, err := lab.Create(harness.Context(t), lab.ID(), lab.Bundle(t, append(options, harness.PodMember(pause.ID, "app"))...))
		if err != nil {
			t.Fatal(err)
		}
		lab.Keep(t, c)
		members[i] = c
	}
	return members[0], members[1]
}

// A container of a pod takes its upper layer when it starts. One that came too
// late can be started when the other one is gone.
func TestOverlayUpperInUseInPod(t *testing.T) {
	lab := newLab(t)
	s := newStack(t, lab, "s", 1)
	pause := servePod(t, lab, lab.Runtime, true, harness.PodSandbox())
	one, two := createTwoMembers(t, lab, pause, s.at("/ov"), harness.Args("serve"))
	if err := one.Start(harness.Context(t)); err != nil {
		t.Fatal(err)
	}
	readReport(t, one)
	execGuest(t, one, "ops", "/ov")
	by := fmt.Sprintf("container %q (process %d)", one.ID, one.GoferPID)
	err := two.Start(harness.Context(t))
	checkRefused(t, err, `start: starting container: mount "/ov": overlay option upperdir "`+s.upper+`": is in use by `+by+`: use a directory of its own
mount "/ov": overlay option workdir "`+s.work+`": is in use by `+by+`: use a directory of its own`)
	if !isCreated(t, two) {
		t.Error("the container is not created any more")
	}
	_, err = lab.Create(harness.Context(t), lab.ID(), lab.Bundle(t, harness.PodMember(pause.ID, "app"), s.at("/ov"), harness.Args("serve")))
	if err == nil || !strings.Contains(err.Error(), `"`+s.upper+`": is in use by `+by) {
		t.Errorf("a third container: %v", err)
	}
	stop(t, lab, one)
	if err := two.Start(harness.Context(t)); err != nil {
		t.Fatal(err)
	}
	execGuest(t, two, "ops", "/ov")
	remove(t, lab, two)
	stop(t, lab, pause)
	s.checkUnlocked(t)
}

// Of containers that are created at the same time with one upper layer, one gets it.
func TestOverlayUpperRace(t *testing.T) {
	lab := newLab(t)
	s := newStack(t, lab, "s", 1)
	for range 3 {
		var bundles [4]*harness.Bundle
		var made [len(bundles)]*harness.Container
		var errs [len(bundles)]error
		for i := range bundles {
			bundles[i] = lab.Bundle(t, s.at("/ov"), harness.Args("serve"))
		}
		ctx := harness.Context(t)
		var all sync.WaitGroup
		for i, b := range bundles {
			all.Go(func() { made[i], errs[i] = lab.Create(ctx, lab.ID(), b) })
		}
		all.Wait()
		var won []*harness.Container
		for i, err := range errs {
			if err == nil {
				won = append(won, made[i])
			} else if !strings.Contains(err.Error(), "in use by ") {
				t.Errorf("refused by %v", err)
			}
		}
		if len(won) != 1 {
			t.Errorf("%d containers have the upper layer", len(won))
		}
		for _, c := range won {
			remove(t, lab, c)
		}
		s.checkUnlocked(t)
	}
}

// The host's own overlays, and programs that lock the directory, have an upper layer
// as containers do.
func TestOverlayUpperInUseOnHost(t *testing.T) {
	lab := newLab(t)
	s := newStack(t, lab, "s", 1)
	b := lab.Bundle(t, s.at("/ov"), harness.Args("serve"))
	locked, err := os.Open(s.work)
	if err == nil {
		err = unix.Flock(int(locked.Fd()), unix.LOCK_EX)
	}
	if err != nil {
		t.Fatal(err)
	}
	checkRefusedBy(t, lab, lab.Runtime, fmt.Sprintf(`mount "/ov": overlay option workdir %q: is in use by process %d (%q): use a directory of its own`, s.work, os.Getpid(), "e2e.test"), "create", "--bundle="+b.Dir)
	locked.Close()
	host := s.onHost(t)
	res, err := lab.Command(harness.Context(t), "create", "--bundle="+b.Dir, lab.ID())
	if want := fmt.Sprintf(`upperdir %q: is the upperdir of the overlay at %q, which is mounted`, s.upper, host); err != nil || res.ExitCode != 128 || !strings.Contains(res.Stderr, want) {
		t.Errorf("%+v, %v, want %s", res, err, want)
	}
}
