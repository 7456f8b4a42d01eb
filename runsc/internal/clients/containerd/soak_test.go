package containerd

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/directfs/runsc/runsc/internal/clients/lab"
	"github.com/directfs/runsc/runsc/internal/clients/suite"
)

// The counters of the soak test, and the seed of its choices, which it prints.
const (
	cyclesEnv = "RUNSC_TEST_CLIENT_CYCLES"
	killsEnv  = "RUNSC_TEST_CLIENT_KILLS"
	seedEnv   = "RUNSC_TEST_CLIENT_SEED"
)

// Containers and pods are started and stopped, again and again. In some of the
// cycles one of the processes is killed, at any moment. No delete without force
// fails, and nothing is left.
func TestSoak(t *testing.T) {
	cycles, kills, seed := number(t, cyclesEnv, 30), number(t, killsEnv, 10), number(t, seedEnv, int(time.Now().UnixNano()%1e6))
	t.Logf("%d cycles, %d kills, %s=%d", cycles, kills, seedEnv, seed)
	d := cri(t)
	d.Leaks(t)
	s := &soak{Daemon: d, random: rand.New(rand.NewPCG(uint64(seed), 0)), killed: map[string]int{}}
	start := time.Now()
	for i := range cycles {
		s.kill = s.random.IntN(cycles-i) < kills
		if s.kill {
			kills--
		}
		if s.random.IntN(2) == 0 {
			s.container(t)
		} else {
			s.pod(t)
		}
		if (i+1)%25 == 0 {
			t.Logf("%d cycles in %v, killed: %v", i+1, time.Since(start).Round(time.Second), s.killed)
		}
		if t.Failed() {
			t.Fatalf("in cycle %d", i)
		}
	}
	t.Logf("killed: %v", s.killed)
}

func number(t *testing.T, env string, or int) int {
	text := os.Getenv(env)
	if text == "" {
		return or
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", env, err)
	}
	return n
}

// soak is a run of the test.
type soak struct {
	*Daemon
	random *rand.Rand
	kill   bool           // in this cycle
	killed map[string]int // by the process's name
}

// strike kills one of the processes, at a moment that the seed chooses, or as soon
// as it is there after that. All that are there are the cycle's. The function that
// it returns says that it is over, and waits.
func (s *soak) strike(t *testing.T, victims ...string) (over func()) {
	if !s.kill {
		return func() {}
	}
	victim := victims[s.random.IntN(len(victims))]
	moment := time.After(time.Duration(s.random.IntN(700)) * time.Millisecond)
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-moment:
		case <-done:
		}
		for {
			if pids := suite.Processes(t, victim, ""); len(pids) > 0 {
				if syscall.Kill(pids[0], syscall.SIGKILL) == nil {
					s.killed[victim]++
				}
				return
			}
			select {
			case <-done:
				s.killed["none, "+victim+" had ended"]++
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	return func() { close(done); <-ended }
}

// container is a cycle with ctr.
func (s *soak) container(t *testing.T) {
	r := s.GVisor(nil)
	if s.random.IntN(4) == 0 {
		r = s.Runc()
	}
	id := r.ID()
	victims := []string{"runsc-gofer", "runsc-sandbox", "ctr"}
	if r.gvisor() { // runc's leaves its sockets
		victims = append(victims, r.Shim)
	}
	over := s.strike(t, victims...)
	got := r.Ctr(r.runArgs(id, []string{"IMAGE", "sh", "-c", "echo x; sleep 0.2"})...)
	over()
	if !s.kill {
		is(t, got, 0, "x\n")
	}
	s.end(t, id)
	for _, dir := range fifos(id) { // of a client that was killed
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	}
}

// end ends a container and removes it without force.
func (s *soak) end(t *testing.T, id string) {
	lab.Eventually(t, "the end of "+id, func() error {
		state := s.State(t, id)
		switch state {
		case "":
			return nil
		case "STOPPED":
			r := s.Ctr("task", "rm", id)
			if r.Code != 0 && !strings.Contains(r.Stderr, "not found") {
				return fmt.Errorf("task rm: %+v", r)
			}
		default:
			s.Ctr("task", "kill", "-s", "SIGKILL", id) // it may have ended
		}
		return fmt.Errorf("it was %s", state)
	})
	if r := s.Ctr("container", "rm", id); r.Code != 0 && !strings.Contains(r.Stderr, "not found") {
		t.Errorf("container rm: %+v", r)
	}
}

// pod is a cycle with crictl: a pod with a container.
func (s *soak) pod(t *testing.T) {
	p := s.PreparePod(t, PodSpec{Volumes: []string{emptyDir + "data"}})
	over := s.strike(t, "containerd-shim-runsc-v1", "runsc-gofer", "runsc-sandbox", "crictl")
	steps(t, s, p)
	over()
	// A client that was killed has not said which one it is.
	lab.Eventually(t, "the pod's end", func() error {
		for _, id := range strings.Fields(s.Ask(t, "pods", "-q", "--name", "^"+p.UID+"$")) {
			for _, command := range []string{"stopp", "rmp"} {
				if r := s.Crictl(command, id); r.Code != 0 {
					return fmt.Errorf("%s: %+v", command, r)
				}
			}
		}
		return nil
	})
	if err := os.RemoveAll(KubeletPods + "/" + p.UID); err != nil {
		t.Error(err)
	}
}

// steps are what a kubelet does. Any of them may fail if something is killed.
func steps(t *testing.T, s *soak, p *Pod) {
	r := p.Run()
	if r.Code == 0 {
		r = p.Create(t, ContainerSpec{Name: "a", Mounts: []Mount{{Container: "/data", Host: p.Volume(emptyDir, "data")}}})
	}
	id := strings.TrimSpace(r.Stdout)
	if r.Code == 0 {
		r = p.Crictl("start", id)
	}
	if r.Code == 0 {
		r = p.ExecSync(id, "touch", "/data/f")
	}
	if r.Code == 0 {
		r = p.Crictl("stop", "--timeout", "0", id)
	}
	if r.Code != 0 && !s.kill {
		t.Errorf("%+v", r)
	}
}
