package containerd

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/internal/clients/lab"
	"github.com/directfs/runsc/runsc/internal/clients/suite"
)

// emptyDir begins the kind and name of a volume of that type.
const emptyDir = "kubernetes.io~empty-dir/"

func key(name, field string) string { return "dev.gvisor.spec.mount." + name + "." + field }

// cri starts a daemon with handlers, and runs a pod, so that what is made once is
// there.
func cri(t *testing.T, handlers ...Handler) *Daemon {
	t.Helper()
	d := Start(t, handlers...)
	p := d.Pod(t, PodSpec{})
	p.Start(t, ContainerSpec{Name: "a"})
	p.Remove(t)
	return d
}

func TestPods(t *testing.T) {
	d := cri(t,
		Handler{Name: "off", Flags: map[string]string{"directfs": "false"}},
		Handler{Name: "narrow", Flags: map[string]string{"directfs-hints": "narrow"}},
		Handler{Name: "volumed", Flags: map[string]string{"volume-daemon": "blob=unix:$DIR/vd.sock"}},
		Handler{Name: "overlay", Mounts: `[{"destination":"/o","type":"overlay","source":"overlay","options":["lowerdir=$DIR/lower1:$DIR/lower2"]}]`},
	)
	for name, test := range map[string]func(*testing.T, *Daemon){
		"Pod": pod, "Mixed": mixedPod, "OneAnnotation": oneAnnotation, "SubPath": subPath, "HostToContainer": hostToContainer,
		"Gofer": gofer, "EmptyDir": emptyDirs, "Narrow": narrow, "AsksForMore": asksForMore, "Refused": refusedPod,
		"Overlay": overlay,
	} {
		t.Run(name, func(t *testing.T) {
			d.Leaks(t)
			test(t, d)
		})
	}
}

// pod is a pod without hints: two containers, their output, and exit codes.
func pod(t *testing.T, d *Daemon) {
	p := d.Pod(t, PodSpec{Volumes: []string{emptyDir + "data"}})
	data := []Mount{{Container: "/data", Host: p.Volume(emptyDir, "data")}}
	a := p.Start(t, ContainerSpec{Name: "a", Mounts: data, Command: []string{"sh", "-c", "echo out; echo err >&2; echo a >/data/a; exec sleep 1000"}})
	lab.Eventually(t, "a's file", func() error { _, err := os.Stat(data[0].Host + "/a"); return err })
	b := p.Start(t, ContainerSpec{Name: "b", Mounts: data, Command: []string{"sh", "-c", "cat /data/a; exit 5"}})
	lab.Eventually(t, "b's end", func() error {
		if s := d.Ask(t, "inspect", "-o", "go-template", "--template", "{{.status.state}} {{.status.exitCode}}", b); s != "CONTAINER_EXITED 5" {
			return fmt.Errorf("b is %s", s)
		}
		return nil
	})
	for name, want := range map[string]string{"a": " stdout F out\n", "b": " stdout F a\n"} {
		if got := p.ContainerLog(name); !strings.Contains(got, want) {
			t.Errorf("the log of %s: %q", name, got)
		}
	}
	if got := p.ContainerLog("a"); !strings.Contains(got, " stderr F err\n") {
		t.Errorf("the log of a: %q", got)
	}
	is(t, d.ExecSync(a, "sh", "-c", "echo x; exit 0"), 0, "x\n")
	// Both are in one sandbox, and the second one's end is not its end.
	if pids := suite.Processes(t, "runsc-sandbox", ""); len(pids) != 1 {
		t.Errorf("sandbox processes: %v", pids)
	}
	d.Ask(t, "rm", b)
	d.Ask(t, "stop", "--timeout", "1", a)
	d.Ask(t, "rm", a)
}

// mixedPod has hints on the pod and --directfs=false. They reach containers that
// join; what is on and what is off is so for all.
func mixedPod(t *testing.T, d *Daemon) {
	p := d.Pod(t, PodSpec{Handler: "off", Volumes: []string{emptyDir + "on", emptyDir + "off", emptyDir + "unsaid"},
		Annotations: map[string]string{key("on", "directfs"): "on", key("off", "directfs"): "off"}})
	var mounts []Mount
	for _, v := range []string{"on", "off", "unsaid"} {
		mounts = append(mounts, Mount{Container: "/" + v, Host: p.Volume(emptyDir, v)})
	}
	for _, name := range []string{"a", "b"} {
		id := p.Start(t, ContainerSpec{Name: name, Mounts: mounts})
		d.directFS(t, id, map[string]bool{"/on": true, "/off": false, "/unsaid": false})
		is(t, d.ExecSync(id, "sh", "-c", "for m in on off unsaid; do echo "+name+" >>/$m/f; done; cat /on/f | tail -n1"), 0, name+"\n")
		for _, off := range []string{"off", "unsaid"} {
			suite.HoldsOnly(t, p.Sandbox(t), p.Volume(emptyDir, "on"), p.Volume(emptyDir, off))
		}
		d.verify(t, id, "ok       /on access: directfs", "ok       /off access: lisafs")
	}
	d.verify(t, p.ID, "verdict: ok")
}

// directFS compares what a container sees.
func (d *Daemon) directFS(t *testing.T, id string, want map[string]bool) {
	t.Helper()
	mounts := d.ExecSync(id, "cat", "/proc/mounts").Stdout
	for mount, on := range want {
		if line := mountLine(mounts, mount); !strings.Contains(line, " 9p ") || strings.Contains(line, ",directfs") != on {
			t.Errorf("%s: %q, want directfs: %v", mount, line, on)
		}
	}
}

// verify has the runtime compare a whole pod with its plans. Nobody says where
// its state is.
func (d *Daemon) verify(t *testing.T, id string, wants ...string) {
	t.Helper()
	r := d.Try("runsc", "policy", "verify", "--all", id)
	for _, want := range append(wants, "state in /run/containerd/runsc/k8s.io", "verdict: ok") {
		if r.Code != 0 || !strings.Contains(r.Stdout, want) {
			t.Errorf("no %q in %+v", want, r)
		}
	}
}

// One annotation on a volume has no need of another beside it.
func oneAnnotation(t *testing.T, d *Daemon) {
	store(t, d)
	for field, tc := range map[string]struct{ value, handler, want, not string }{
		"directfs": {"off", "", "cache=remote_revalidating", ",directfs"},
		"cache":    {"exclusive", "", ",directfs", "cache=remote_revalidating"},
		"gofer":    {"blob/photos", "volumed", "cache=remote_revalidating", ",directfs"},
	} {
		t.Run(field, func(t *testing.T) {
			p := d.Pod(t, PodSpec{Handler: tc.handler, Volumes: []string{emptyDir + "data"}, Annotations: map[string]string{key("data", field): tc.value}})
			id := p.Start(t, ContainerSpec{Name: "a", Mounts: []Mount{{Container: "/data", Host: p.Volume(emptyDir, "data")}}})
			line := mountLine(d.ExecSync(id, "cat", "/proc/mounts").Stdout, "/data")
			if !strings.Contains(line, tc.want) || strings.Contains(line, tc.not) {
				t.Errorf("%q: want %q and not %q", line, tc.want, tc.not)
			}
		})
	}
}

// refuses creates a container that does not start, for all of the reasons.
func (d *Daemon) refuses(t *testing.T, p *Pod, s ContainerSpec, reasons ...string) {
	t.Helper()
	r := p.Create(t, s)
	if r.Code != 0 {
		t.Fatalf("%+v", r)
	}
	id := strings.TrimSpace(r.Stdout)
	r = d.Crictl("start", id)
	for _, reason := range reasons {
		if r.Code == 0 || !strings.Contains(r.Stderr, reason) {
			t.Errorf("%+v\nwant %s", r, reason)
		}
	}
	d.Ask(t, "rm", id)
}

// An emptyDir whose type an admission controller has written is in the sandbox's
// memory if it is shared: there, no hint changes anything, and on is refused.
func emptyDirs(t *testing.T, d *Daemon) {
	for name, tc := range map[string]struct {
		hint, kind, share, want string // want: in the guest's mount, or the reason
	}{
		"hint alone, on":  {"on", "", "", ",directfs"},
		"hint alone, off": {"off", "", "", "9p"},
		"typed, on":       {"on", "bind", "", ",directfs"},
		"typed, off":      {"off", "bind", "", "9p"},
		"shared, on":      {"on", "bind", "pod", `dev.gvisor.spec.mount.data.directfs="on" (mount "/data"): not a gofer mount; allowed: off, false, default; `},
		"shared, off":     {"off", "bind", "pod", "tmpfs"},
		"memory, on":      {"on", "tmpfs", "pod", `dev.gvisor.spec.mount.data.directfs="on" (mount "/data"): not a gofer mount; allowed: off, false, default; `},
		"memory, off":     {"off", "tmpfs", "pod", "tmpfs"},
	} {
		t.Run(name, func(t *testing.T) {
			annotations := map[string]string{key("data", "directfs"): tc.hint}
			for field, value := range map[string]string{"type": tc.kind, "share": tc.share} {
				if value != "" {
					annotations[key("data", field)] = value
				}
			}
			p := d.Pod(t, PodSpec{Volumes: []string{emptyDir + "data"}, Annotations: annotations})
			c := ContainerSpec{Name: "a", Mounts: []Mount{{Container: "/data", Host: p.Volume(emptyDir, "data")}}}
			if strings.HasPrefix(tc.want, "dev.") {
				d.refuses(t, p, c, tc.want)
				return
			}
			line := mountLine(d.ExecSync(p.Start(t, c), "cat", "/proc/mounts").Stdout, "/data")
			if !strings.Contains(line, tc.want) || tc.want != ",directfs" && strings.Contains(line, ",directfs") {
				t.Errorf("%q, want %q", line, tc.want)
			}
		})
	}
}
