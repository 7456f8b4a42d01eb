package containerd

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/directfs/runsc/runsc/internal/clients/lab"
	"github.com/directfs/runsc/runsc/internal/clients/suite"
)

// Whatever process of a container is killed, the container can be removed
// without force, and nothing is left.
func TestKilled(t *testing.T) {
	d := Start(t)
	for name, r := range map[string]*Road{"gvisor": d.GVisor(nil), "runc": d.Runc()} {
		for victim, find := range map[string]func(*testing.T, string) int{
			"Sandbox": func(t *testing.T, id string) int { return suite.Process(t, "runsc-sandbox", id) },
			"Gofer":   func(t *testing.T, id string) int { return suite.Process(t, "runsc-gofer", id) },
			"Shim":    func(t *testing.T, id string) int { return suite.Process(t, r.Shim, id) },
		} {
			t.Run(name+victim, func(t *testing.T) {
				d.Leaks(t)
				killedWhileClientWaits(t, r, victim, find)
				killedInBackground(t, r, victim, find)
				if victim == "Shim" && !r.gvisor() {
					removeSockets(t)
				}
			})
		}
		t.Run(name+"Client", func(t *testing.T) {
			d.Leaks(t)
			killedClient(t, r)
		})
	}
}

func killedWhileClientWaits(t *testing.T, r *Road, victim string, find func(*testing.T, string) int) {
	v := r.Mkdir("v" + r.ID())
	f := r.Foreground(t, "--mount", "type=bind,src="+v+",dst=/v,options=rbind:rw", "IMAGE", "sh", "-c", "touch /v/runs; sleep 1000")
	lab.Eventually(t, "the container", func() error { _, err := os.Stat(v + "/runs"); return err })
	kill(t, find(t, f.ID))
	// A sandbox that was killed has 137; without its gofer it ends by itself.
	if code := f.Wait(); code == 0 || victim == "Sandbox" && code != 137 {
		t.Errorf("the client's exit status is %d\n%s", code, f.Output)
	}
	if got := r.Ctr("container", "info", f.ID); got.Code == 0 {
		t.Error("--rm has not removed the container")
	}
	f.forget(t)
}

func killedInBackground(t *testing.T, r *Road, victim string, find func(*testing.T, string) int) {
	id := r.Start(t, "sleep", "1000")
	kill(t, find(t, id))
	lab.Eventually(t, "the container's end", func() error {
		if state := r.State(t, id); state != "STOPPED" && state != "" {
			return fmt.Errorf("it is %s", state)
		}
		return nil
	})
	// containerd forgets the task of a shim that has gone.
	if victim != "Shim" {
		r.Do(t, "task", "rm", id)
	}
	r.Do(t, "container", "rm", id)
}

// The container goes on without its client, and can be ended and removed.
func killedClient(t *testing.T, r *Road) {
	f := r.Foreground(t, "sleep", "1000")
	r.Await(t, f.ID, "RUNNING")
	kill(t, f.Cmd.Process.Pid)
	f.Wait()
	is(t, r.Exec(f.ID, "echo", "x"), 0, "x\n")
	r.Do(t, "task", "kill", "-s", "SIGKILL", f.ID)
	r.Await(t, f.ID, "STOPPED")
	r.Do(t, "task", "rm", f.ID)
	r.Do(t, "container", "rm", f.ID)
	f.forget(t)
}

// forget removes what a client makes for its streams, and it alone removes, if it
// is not killed and finds the task.
func (f *Foreground) forget(t *testing.T) {
	for _, dir := range fifos(f.ID) {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	}
}

// removeSockets removes what runc's shim leaves when it is killed, whatever the
// runtime.
func removeSockets(t *testing.T) {
	left, err := filepath.Glob("/run/containerd/s/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range left {
		if err := os.Remove(s); err != nil {
			t.Error(err)
		}
	}
}

// The daemon is stopped, or killed, with containers running: they go on, and
// after its next start it knows them.
func TestRestart(t *testing.T) {
	d := cri(t)
	d.Leaks(t)
	t.Cleanup(func() { d.Down(t) }) // the last one is another process
	roads := []*Road{d.GVisor(nil), d.Runc()}
	p := d.Pod(t, PodSpec{Volumes: []string{emptyDir + "data"}, Annotations: map[string]string{key("data", "directfs"): "off"}})
	data := []Mount{{Container: "/data", Host: p.Volume(emptyDir, "data")}}
	inPod := p.Start(t, ContainerSpec{Name: "a", Mounts: data})
	var ids []string
	for _, r := range roads {
		ids = append(ids, r.Start(t, "sleep", "1000"))
	}
	for i, stop := range []func(testing.TB){d.Down, d.Kill} {
		stop(t)
		d.Up(t)
		for i, r := range roads {
			r.Await(t, ids[i], "RUNNING")
			is(t, r.Exec(ids[i], "echo", "x"), 0, "x\n")
		}
		d.directFS(t, inPod, map[string]bool{"/data": false})
		// A pod that is there takes others in.
		id := p.Start(t, ContainerSpec{Name: fmt.Sprint("b", i), Mounts: data})
		d.directFS(t, id, map[string]bool{"/data": false})
	}
	// What ends while the daemon is away is known to have ended.
	sandbox := roads[0].Sandbox(t, ids[0])
	d.Kill(t)
	kill(t, sandbox)
	kill(t, p.Sandbox(t))
	d.Up(t)
	if state := d.State(t, ids[0]); state != "" && state != "STOPPED" {
		t.Errorf("the container that has ended is %s", state)
	}
	d.Ctr("task", "rm", ids[0]) // it may be gone
	d.Do(t, "container", "rm", ids[0])
}

// Whatever process of a pod is killed, it is stopped and removed without force.
func TestKilledPod(t *testing.T) {
	d := cri(t)
	for victim, find := range map[string]func(p *Pod, member string) []int{
		"Sandbox":     func(p *Pod, _ string) []int { return []int{p.Sandbox(t)} },
		"FirstGofer":  func(p *Pod, _ string) []int { return suite.Processes(t, "runsc-gofer", p.ID) },
		"Gofer":       func(_ *Pod, m string) []int { return suite.Processes(t, "runsc-gofer", m) },
		"FirstShim":   func(p *Pod, _ string) []int { return suite.Processes(t, "containerd-shim-runsc-v1", p.ID) },
		"Shim":        func(_ *Pod, m string) []int { return suite.Processes(t, "containerd-shim-runsc-v1", m) },
		"AllShims":    func(*Pod, string) []int { return suite.Processes(t, "containerd-shim-runsc-v1", "") },
		"AllOfThePod": func(*Pod, string) []int { return suite.Processes(t, "runsc-sandbox", "") },
	} {
		t.Run(victim, func(t *testing.T) {
			d.Leaks(t)
			p := d.Pod(t, PodSpec{Volumes: []string{emptyDir + "data"}})
			data := []Mount{{Container: "/data", Host: p.Volume(emptyDir, "data")}}
			a := p.Start(t, ContainerSpec{Name: "a", Mounts: data})
			p.Start(t, ContainerSpec{Name: "b", Mounts: data})
			for _, pid := range find(p, a) {
				kill(t, pid)
			}
			p.Remove(t)
		})
	}
}
