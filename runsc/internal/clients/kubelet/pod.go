package kubelet

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/directfs/runsc/runsc/internal/clients/containerd"
	"github.com/directfs/runsc/runsc/internal/clients/lab"
	"github.com/directfs/runsc/runsc/internal/clients/suite"
)

// Object is one of Kubernetes, or a part of one.
type Object = map[string]any

// Pod is a static pod of the namespace default.
type Pod struct {
	Name, UID   string
	Annotations map[string]string
	Volumes     []Object
	Init        []Object
	Containers  []Object
	More        Object // of the spec
}

// Hint is a key of an annotation of a volume.
func Hint(volume, field string) string { return "dev.gvisor.spec.mount." + volume + "." + field }

// Container is one that sleeps.
func Container(name string, mounts ...Object) Object {
	return Object{"name": name, "image": containerd.ImageName, "imagePullPolicy": "Never", "command": []string{"sleep", "1000000"}, "volumeMounts": mounts}
}

// With adds fields to an object.
func With(o Object, fields ...any) Object {
	for i := 0; i < len(fields); i += 2 {
		o[fields[i].(string)] = fields[i+1]
	}
	return o
}

// Mount mounts a volume.
func Mount(volume, path string, fields ...any) Object {
	return With(Object{"name": volume, "mountPath": path}, fields...)
}

// EmptyDir is a volume.
func EmptyDir(name string) Object { return Object{"name": name, "emptyDir": Object{}} }

// HostPath is a volume.
func HostPath(name, path string) Object {
	return Object{"name": name, "hostPath": Object{"path": path}}
}

// named is the same pod with another name.
func (p Pod) named(name string) Pod { p.Name = name; return p }

// Manifest is the pod's JSON.
func (p Pod) Manifest(tb testing.TB) string {
	tb.Helper()
	spec := Object{"volumes": p.Volumes, "initContainers": p.Init, "containers": p.Containers, "dnsPolicy": "Default", "terminationGracePeriodSeconds": 0}
	for k, v := range p.More {
		spec[k] = v
	}
	b, err := json.Marshal(Object{"apiVersion": "v1", "kind": "Pod", "metadata": Object{"name": p.Name, "uid": p.UID, "annotations": p.Annotations}, "spec": spec})
	if err != nil {
		tb.Fatal(err)
	}
	return string(b)
}

// Apply has the kubelet run the pod, and remove it at the test's end.
func (n *Node) Apply(tb testing.TB, p Pod) {
	tb.Helper()
	// The kubelet may read a file while it is written.
	file := n.Write(p.Manifest(tb), p.Name+".json")
	if err := os.Rename(file, n.manifest(p.Name)); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { n.Remove(tb, p.Name) })
}

func (n *Node) manifest(pod string) string { return filepath.Join(n.Manifests, pod+".json") }

// Remove has the kubelet remove the pod.
func (n *Node) Remove(tb testing.TB, pod string) {
	tb.Helper()
	if err := os.Remove(n.manifest(pod)); err != nil && !errors.Is(err, os.ErrNotExist) {
		tb.Error(err)
	}
}

// Status is what the kubelet says of a pod.
type Status struct {
	Metadata struct{ Name, UID string }
	Status   struct {
		PodIP                                    string
		InitContainerStatuses, ContainerStatuses []ContainerStatus
	}
}

// ContainerStatus is what it says of a container.
type ContainerStatus struct {
	Name             string
	Ready            bool
	RestartCount     int
	ContainerID      string
	State, LastState struct {
		Running    *struct{}
		Terminated *struct {
			ExitCode        int
			Reason, Message string
		}
	}
}

// startError is the message of the containerd that could not start a container.
func (c ContainerStatus) startError() string {
	for _, s := range []struct {
		Running    *struct{}
		Terminated *struct {
			ExitCode        int
			Reason, Message string
		}
	}{c.State, c.LastState} {
		if s.Terminated != nil && s.Terminated.Reason == "StartError" {
			return s.Terminated.Message
		}
	}
	return ""
}

// ID is the container's, in containerd and in the runtime.
func (c ContainerStatus) ID() string { return strings.TrimPrefix(c.ContainerID, "containerd://") }

// Status is what the kubelet says of a pod; an error if it knows of none.
func (n *Node) Status(pod string) (Status, error) {
	all, err := get[struct{ Items []Status }]("/pods")
	for _, s := range all.Items {
		if s.Metadata.Name == pod+"-node" {
			return s, err
		}
	}
	return Status{}, errors.Join(err, fmt.Errorf("the kubelet has no pod %q", pod))
}

// Outcome is what became of a pod: it runs, or the reason for which it, or one
// of its containers, does not.
func (n *Node) Outcome(tb testing.TB, pod string) (s Status, refused string) {
	tb.Helper()
	wait(tb, "the outcome of "+pod, func() (err error) {
		if s, err = n.Status(pod); err != nil {
			return err
		}
		refused = n.event(pod, "FailedCreatePodSandBox")
		running := len(s.Status.ContainerStatuses) > 0
		for _, c := range slices.Concat(s.Status.InitContainerStatuses, s.Status.ContainerStatuses) {
			refused += c.startError()
		}
		for _, c := range s.Status.ContainerStatuses {
			running = running && c.State.Running != nil
		}
		if refused == "" && !running {
			return fmt.Errorf("%+v\n%s", s.Status, tail(n.Events(pod)))
		}
		return nil
	})
	return s, refused
}

// Run has the kubelet run a pod, and waits until all of its containers are ready.
func (n *Node) Run(tb testing.TB, p Pod) Status {
	tb.Helper()
	n.Apply(tb, p)
	return n.Ready(tb, p.Name)
}

// Ready waits until all containers of a pod are ready.
func (n *Node) Ready(tb testing.TB, pod string) Status {
	tb.Helper()
	var s Status
	wait(tb, "the pod "+pod, func() (err error) {
		if s, err = n.Status(pod); err != nil {
			return err
		}
		ready := len(s.Status.ContainerStatuses) > 0
		for _, c := range s.Status.ContainerStatuses {
			ready = ready && c.Ready
		}
		if !ready {
			return fmt.Errorf("%+v\n%s", s.Status, tail(n.Events(pod)))
		}
		return nil
	})
	return s
}

// Container is the status of a container of the pod.
func (s Status) Container(tb testing.TB, name string) ContainerStatus {
	tb.Helper()
	for _, c := range slices.Concat(s.Status.InitContainerStatuses, s.Status.ContainerStatuses) {
		if c.Name == name {
			return c
		}
	}
	tb.Fatalf("%s has no container %q: %+v", s.Metadata.Name, name, s.Status)
	return ContainerStatus{}
}

// Volume is the directory of a volume that is an emptyDir.
func (s Status) Volume(name string) string {
	return filepath.Join(PodsDir, s.Metadata.UID, "volumes/kubernetes.io~empty-dir", name)
}

// Crictl runs a command of crictl.
func (n *Node) Crictl(args ...string) lab.Result {
	return n.Try("crictl", append([]string{"--config", n.Path("home/.crictl/crictl.yaml")}, args...)...)
}

// Exec runs a command in a container, and fails the test if it fails.
func (n *Node) Exec(tb testing.TB, c ContainerStatus, args ...string) string {
	tb.Helper()
	r := n.Crictl(append([]string{"exec", "--sync", c.ID()}, args...)...)
	if r.Code != 0 {
		tb.Fatalf("exec in %s: %q: %+v", c.Name, args, r)
	}
	return strings.TrimRight(r.Stdout, "\n") // crictl adds some
}

// Gone waits until the kubelet has no such pod and none of its processes is left.
// What containerd knows of it is removed by the kubelet within a minute.
func (n *Node) Gone(tb testing.TB, pod string) {
	tb.Helper()
	wait(tb, "the end of "+pod, func() error {
		if s, err := n.Status(pod); err == nil {
			return fmt.Errorf("the kubelet has it: %+v", s)
		}
		if r := n.Crictl("pods", "--quiet", "--state", "ready", "--name", "^"+pod+"-node$"); r.Code != 0 || r.Stdout != "" {
			return fmt.Errorf("a sandbox is ready: %+v", r)
		}
		return nil
	})
}

// SandboxID is the id of the pod's sandbox.
func (n *Node) SandboxID(tb testing.TB, s Status) string {
	tb.Helper()
	r := n.Crictl("pods", "--quiet", "--no-trunc", "--state", "ready", "--name", "^"+s.Metadata.Name+"$")
	if r.Code != 0 || len(strings.Fields(r.Stdout)) != 1 {
		tb.Fatalf("sandbox of %s: %+v", s.Metadata.Name, r)
	}
	return strings.TrimSpace(r.Stdout)
}

// Sandbox is the PID of the pod's sandbox process.
func (n *Node) Sandbox(tb testing.TB, s Status) int {
	tb.Helper()
	return suite.Process(tb, "runsc-sandbox", n.SandboxID(tb, s))
}

// patience is for what the kubelet does in its own time, many pods at once.
const patience = 90 * time.Second

// wait is lab.Eventually with more patience.
func wait(tb testing.TB, what string, holds func() error) {
	tb.Helper()
	var err error
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if err = holds(); err == nil {
			return
		}
	}
	tb.Fatalf("%s: %v", what, err)
}

// tail is the end of a text.
func tail(s string) string { return s[max(0, len(s)-2000):] }
