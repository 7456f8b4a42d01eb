package containerd

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/internal/clients/lab"
	"github.com/directfs/runsc/runsc/internal/clients/suite"
)

// KubeletPods is where a kubelet has the volumes of pods.
const KubeletPods = "/var/lib/kubelet/pods"

// Pod is a pod as a kubelet would make it.
type Pod struct {
	*Daemon

	ID, UID, Handler string

	// config is the file with which every call about the pod is made.
	config string
}

// PodSpec is what a pod is made of.
type PodSpec struct {
	Handler     string // "runsc" if it is empty
	Annotations map[string]string

	// Volumes are names, each with the kind of volume that the kubelet would
	// make: "kubernetes.io~empty-dir/data".
	Volumes []string
}

// Prepare makes the pod's directories.
func (d *Daemon) PreparePod(tb testing.TB, s PodSpec) *Pod {
	tb.Helper()
	p := &Pod{Daemon: d, UID: fmt.Sprintf("uid%d", counter.Add(1)), Handler: s.Handler}
	if p.Handler == "" {
		p.Handler = "runsc"
	}
	logs := d.Mkdir("logs", "ns_"+p.UID+"_"+p.UID)
	for _, v := range s.Volumes {
		if err := os.MkdirAll(filepath.Join(KubeletPods, p.UID, "volumes", v), 0o755); err != nil {
			tb.Fatal(err)
		}
	}
	p.config = d.writeJSON(tb, p.UID+".json", map[string]any{
		"metadata":      map[string]any{"name": p.UID, "namespace": "ns", "uid": p.UID},
		"hostname":      "pod",
		"log_directory": logs,
		"annotations":   s.Annotations,
		"linux":         map[string]any{"cgroup_parent": "/kubepods/pod" + p.UID},
	})
	return p
}

func (d *Daemon) writeJSON(tb testing.TB, name string, v any) string {
	tb.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	return d.Write(string(b), name)
}

// Volume is where a volume of the pod is on the host.
func (p *Pod) Volume(elem ...string) string {
	return filepath.Join(append([]string{KubeletPods, p.UID, "volumes"}, elem...)...)
}

// Crictl runs a command of crictl. Quotes in its error, which it logs with others
// around, are without backslashes in the result.
func (d *Daemon) Crictl(args ...string) lab.Result {
	r := d.Try("crictl", append([]string{"--config", d.Path("home/.crictl/crictl.yaml")}, args...)...)
	r.Stderr = strings.ReplaceAll(r.Stderr, `\"`, `"`)
	return r
}

// Ask runs a command of crictl, fails the test if it fails, and returns what it
// wrote to stdout.
func (d *Daemon) Ask(tb testing.TB, args ...string) string {
	tb.Helper()
	r := d.Crictl(args...)
	if r.Code != 0 {
		tb.Fatalf("crictl %s: %+v", strings.Join(args, " "), r)
	}
	return strings.TrimSpace(r.Stdout)
}

// Run runs the pod's sandbox.
func (p *Pod) Run() lab.Result {
	r := p.Crictl("runp", "--runtime", p.Handler, p.config)
	p.ID = strings.TrimSpace(r.Stdout)
	return r
}

// Pod runs a pod, which is removed, with its directories, at the test's end.
func (d *Daemon) Pod(tb testing.TB, s PodSpec) *Pod {
	tb.Helper()
	p := d.PreparePod(tb, s)
	if r := p.Run(); r.Code != 0 {
		tb.Fatalf("crictl runp: %+v\n%s", r, d.Log())
	}
	tb.Cleanup(func() { p.Remove(tb) })
	return p
}

// Remove stops and removes the pod, without force, as a kubelet does: again, if
// containerd has not yet noticed that a container has ended.
func (p *Pod) Remove(tb testing.TB) {
	tb.Helper()
	if p.ID == "" {
		return
	}
	lab.Eventually(tb, "removal of the pod", func() error {
		for _, command := range []string{"stopp", "rmp"} {
			if r := p.Crictl(command, p.ID); r.Code != 0 {
				return fmt.Errorf("%s: %+v", command, r)
			}
		}
		return nil
	})
	p.ID = ""
	if err := os.RemoveAll(filepath.Join(KubeletPods, p.UID)); err != nil {
		tb.Error(err)
	}
}

// Mount is a mount of a container of a pod.
type Mount struct {
	Container   string `json:"container_path"`
	Host        string `json:"host_path"`
	Readonly    bool   `json:"readonly,omitempty"`
	Propagation int    `json:"propagation,omitempty"`
}

// HostToContainer is the propagation of mounts that are made on the host later.
const HostToContainer = 1

// ContainerSpec is what a container of a pod is made of.
type ContainerSpec struct {
	Name        string
	Command     []string // sleeps if it is empty
	Mounts      []Mount
	Annotations map[string]string
}

// Create creates a container in the pod.
func (p *Pod) Create(tb testing.TB, s ContainerSpec) lab.Result {
	tb.Helper()
	command := s.Command
	if command == nil {
		command = []string{"sleep", "1000000"}
	}
	config := p.writeJSON(tb, p.UID+"-"+s.Name+".json", map[string]any{
		"metadata": map[string]any{"name": s.Name},
		"image":    map[string]any{"image": ImageName},
		"command":  command, "mounts": s.Mounts, "annotations": s.Annotations,
		"log_path": s.Name + ".log",
		"linux":    map[string]any{},
	})
	return p.Crictl("create", p.ID, config, p.config)
}

// Start creates and starts a container in the pod and returns its id.
func (p *Pod) Start(tb testing.TB, s ContainerSpec) string {
	tb.Helper()
	r := p.Create(tb, s)
	if r.Code != 0 {
		tb.Fatalf("crictl create: %+v", r)
	}
	id := strings.TrimSpace(r.Stdout)
	p.Ask(tb, "start", id)
	return id
}

// ExecSync runs a command in a container.
func (d *Daemon) ExecSync(id string, args ...string) lab.Result {
	r := d.Crictl(append([]string{"exec", "--sync", id}, args...)...)
	r.Stdout = strings.TrimSuffix(r.Stdout, "\n\n") // of crictl
	return r
}

// ContainerLog is what a container has written, as the kubelet finds it.
func (p *Pod) ContainerLog(name string) string {
	b, err := os.ReadFile(p.Path("logs", "ns_"+p.UID+"_"+p.UID, name+".log"))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// Sandbox is the PID of the pod's sandbox process.
func (p *Pod) Sandbox(tb testing.TB) int {
	tb.Helper()
	return suite.Process(tb, "runsc-sandbox", p.ID)
}
