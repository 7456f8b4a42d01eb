package kubelet

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/directfs/runsc/runsc/internal/clients/containerd"
	"github.com/directfs/runsc/runsc/internal/clients/guide"
	"github.com/directfs/runsc/runsc/internal/clients/lab"
)

// readers is the configuration of a containerd before the guide.
const readers = `version = 3
disabled_plugins = ["io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing", "io.containerd.nri.v1.nri"]
[plugins."io.containerd.cri.v1.images"]
  use_local_image_pull = true
[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = ["/usr/lib/cni"]
`

const readersNetwork = `{"cniVersion":"1.0.0","name":"lab","plugins":[
{"type":"bridge","bridge":"cni-guide","isGateway":true,"ipam":{"type":"host-local","ranges":[[{"subnet":"203.0.113.0/24"}]],"routes":[{"dst":"0.0.0.0/0"}]}}]}
`

// systemctl restarts containerd, which has the directories of the machine.
const systemctl = `#!/bin/bash
set -eu
[ "$*" = "restart containerd" ]
cd "$(dirname "$0")"
if [ -e pid ]; then
	kill "$(cat pid)"
	while kill -0 "$(cat pid)" 2>/dev/null; do sleep 0.05; done
fi
setsid containerd >>log 2>&1 </dev/null &
echo $! >pid
until ctr version >/dev/null 2>&1; do sleep 0.1; done
`

// What the guide has for a node, on one without a cluster.
func TestGuide(t *testing.T) {
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	n := &Node{Daemon: containerd.Prepare(t), Name: name, Manifests: "/etc/kubernetes/manifests", tb: t}
	n.Address = "/run/containerd/containerd.sock"
	n.Setenv("PATH", n.Mkdir("systemd")+":/usr/local/bin:"+filepath.Join(n.Module, "bin")+":"+filepath.Join(n.Module, "bin/clients")+":/usr/sbin:/usr/bin:/sbin:/bin")
	for _, v := range []string{"CONTAINER_RUNTIME_ENDPOINT", "IMAGE_SERVICE_ENDPOINT"} {
		n.Setenv(v, "unix://"+n.Address)
	}
	n.Setenv("CONTAINERD_ADDRESS", n.Address)
	n.Setenv("IMAGE", containerd.ImageName)
	for file, text := range map[string]string{"/etc/containerd/config.toml": readers, "/etc/cni/net.d/10-lab.conflist": readersNetwork, n.Path("systemd/systemctl"): systemctl,
		"/etc/crictl.yaml": "runtime-endpoint: unix://" + n.Address + "\ntimeout: 30\n"} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(n.Manifests, 0o755); err != nil {
		t.Fatal(err)
	}
	n.Lab.Run(t, "systemctl", "restart", "containerd")
	t.Cleanup(func() { end(t, n.Path("systemd/pid")) })
	n.Import(t)
	n.Up(t)
	dir := n.Mkdir("work")
	if err := os.Symlink(filepath.Join(n.Module, "bin"), filepath.Join(dir, "bin")); err != nil {
		t.Fatal(err)
	}
	guide.Run(t, filepath.Join(n.Module, "docs/clients/kubernetes.md"), guide.Options{Dir: dir, Env: n.Env(), Where: "node"})
	wait(t, "the removal of volumes", func() error {
		left, err := os.ReadDir(PodsDir)
		if err == nil && len(left) > 0 {
			err = fmt.Errorf("left: %v", left)
		}
		return err
	})
	if now, err := os.ReadFile("/etc/containerd/config.toml"); err != nil || string(now) != readers {
		t.Errorf("containerd's configuration is now, %v:\n%s", err, now)
	}
}

// end stops the process whose PID the file has.
func end(t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	lab.Eventually(t, "the end of containerd", func() error {
		if syscall.Kill(pid, 0) == nil {
			return errors.New("it runs")
		}
		return nil
	})
}
