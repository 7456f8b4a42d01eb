// Package kubelet tests the runtime below a real kubelet, which runs static pods
// from a directory, with containerd and this runtime's shim. There is no API
// server.
package kubelet

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/directfs/runsc/runsc/internal/clients/containerd"
	"github.com/directfs/runsc/runsc/internal/clients/lab"
)

// PodsDir is where the kubelet has what belongs to pods.
const PodsDir = "/var/lib/kubelet/pods"

// Node is a machine of a cluster: a kubelet and its containerd.
type Node struct {
	*containerd.Daemon

	// Name is the node's, Manifests the directory of static pods.
	Name, Manifests string

	tb  testing.TB
	cmd *exec.Cmd
	log *os.File
}

const address = "http://127.0.0.1:10255"

// A pod that is removed is forgotten at once, and not with the kubelet's next
// collection of dead containers, a minute later.
const config = `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
staticPodPath: %s
containerRuntimeEndpoint: unix://%s
cgroupDriver: cgroupfs
failCgroupV1: false
readOnlyPort: 10255
address: 127.0.0.1
authentication: {anonymous: {enabled: false}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
evictionHard: {memory.available: 10Mi, nodefs.available: 0%%, imagefs.available: 0%%}
imageGCHighThresholdPercent: 100
fileCheckFrequency: 300ms
syncFrequency: 1s
`

// sysctls are what a kubelet sets on its machine. They are the kernel's, so this
// one sees files in their places, in a mount namespace of its own.
const sysctls = "vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops kernel/keys/root_maxkeys kernel/keys/root_maxbytes"

const start = `mount --make-rprivate /proc
for f in ` + sysctls + `; do
	cat /proc/sys/$f >$0/$(basename $f)
	mount --bind $0/$(basename $f) /proc/sys/$f
done
exec "$@"`

// Start starts a node, which is stopped at the test's end. The flags are those
// of the runtime.
func Start(tb testing.TB, flags map[string]string) *Node {
	tb.Helper()
	n := &Node{Daemon: containerd.Start(tb), Name: "node", tb: tb}
	n.Flags(flags)
	n.Manifests = n.Mkdir("manifests")
	n.Up(tb)
	return n
}

// Flags sets the runtime's flags for pods that start from now on.
func (n *Node) Flags(flags map[string]string) {
	n.Configure(containerd.Handler{Name: "runsc", Flags: flags})
}

// Up starts the kubelet and waits until it answers.
func (n *Node) Up(tb testing.TB) {
	tb.Helper()
	program := filepath.Join(n.Module, "bin/clients/kubelet")
	if _, err := os.Stat(program); err != nil {
		tb.Fatalf("%v; run make bin/clients/kubelet", err)
	}
	n.Write(fmt.Sprintf(config, n.Manifests, n.Address), "kubelet.yaml")
	var err error
	if n.log, err = os.OpenFile(n.Path("kubelet.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644); err != nil {
		tb.Fatal(err)
	}
	n.cmd = exec.Command("unshare", "--mount", "--propagation=unchanged", "bash", "-ec", start, n.Mkdir("sysctls"),
		program, "--config="+n.Path("kubelet.yaml"), "--hostname-override="+n.Name, "--node-ip=127.0.0.1", "--v=3",
		"--minimum-container-ttl-duration=0s", "--maximum-dead-containers-per-container=0")
	n.cmd.Env, n.cmd.Dir = n.Env(), n.Dir
	n.cmd.Stdout, n.cmd.Stderr = n.log, n.log
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := n.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { n.Down(tb) })
	lab.Eventually(tb, "the kubelet", func() error {
		_, err := get[json.RawMessage]("/pods")
		if err != nil {
			err = fmt.Errorf("%w\n%s", err, n.KubeletLog())
		}
		return err
	})
}

// Down stops the kubelet. Pods go on.
func (n *Node) Down(tb testing.TB) {
	tb.Helper()
	if n.cmd == nil {
		return
	}
	if err := n.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		tb.Error(err)
	}
	_ = n.cmd.Wait() // a signal
	n.cmd = nil
	if err := n.log.Close(); err != nil {
		tb.Error(err)
	}
}

// KubeletLog is the end of what the kubelet has logged, with the events that it
// would send.
func (n *Node) KubeletLog() string {
	b, err := os.ReadFile(n.Path("kubelet.log"))
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-20000):])
}

// Events are those about a pod that the kubelet would send.
func (n *Node) Events(pod string) string {
	b, err := os.ReadFile(n.Path("kubelet.log"))
	if err != nil {
		return err.Error()
	}
	var found strings.Builder
	more := false // a message of several lines ends with one that is " >"
	for line := range strings.Lines(string(b)) {
		if strings.Contains(line, `"Event occurred"`) && strings.Contains(line, `object="default/`+pod+`-node"`) {
			more = strings.HasSuffix(line, "message=<\n")
			found.WriteString(line)
			continue
		}
		more = more && line != " >\n"
		if more {
			found.WriteString(line)
		}
	}
	return found.String()
}

// complaints are lines of the log about a pod's file.
func (n *Node) complaints(pod string) string {
	b, err := os.ReadFile(n.Path("kubelet.log"))
	if err != nil {
		return err.Error()
	}
	var found strings.Builder
	for line := range strings.Lines(string(b)) {
		if strings.Contains(line, n.manifest(pod)) && line[0] == 'E' {
			found.WriteString(line)
		}
	}
	return found.String()
}

// event is the last one with the reason, "" if there is none.
func (n *Node) event(pod, reason string) string {
	all := strings.Split(n.Events(pod), `reason="`+reason+`" `)
	if len(all) == 1 {
		return ""
	}
	last, _, _ := strings.Cut(all[len(all)-1], `"Event occurred"`)
	return strings.ReplaceAll(last, `\"`, `"`)
}

// get reads what the kubelet answers.
func get[T any](path string) (v T, err error) {
	r, err := http.Get(address + path)
	if err != nil {
		return v, err
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK {
		return v, errors.New(r.Status)
	}
	return v, json.NewDecoder(r.Body).Decode(&v)
}
