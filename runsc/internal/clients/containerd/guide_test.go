package containerd

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/directfs/runsc/runsc/internal/clients/guide"
)

// guideConfig is what the reader's containerd has before.
const guideConfig = `version = 3
[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = ["/usr/lib/cni"]
`

// The reader's containerd is at its usual places, and systemctl restarts it.
func TestGuide(t *testing.T) {
	d := Prepare(t)
	d.Address, d.config = "/run/containerd/containerd.sock", "/etc/containerd/config.toml"
	for name, text := range map[string]string{d.config: guideConfig, "/etc/cni/net.d/10-lab.conflist": d.cni()} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for key, value := range map[string]string{"CONTAINERD_ADDRESS": d.Address, "CONTAINER_RUNTIME_ENDPOINT": "unix://" + d.Address, "IMAGE_SERVICE_ENDPOINT": "unix://" + d.Address} {
		d.Setenv(key, value)
	}
	d.systemctl(t)
	d.Up(t)
	guide.Run(t, filepath.Join(d.Module, "docs/clients/containerd.md"), guide.Options{Dir: d.Module, Env: d.Env()})
}

// systemctl makes a program of that name, which has the daemon restarted.
func (d *Daemon) systemctl(t *testing.T) {
	asked, done := d.Path("asked"), d.Path("done")
	for _, fifo := range []string{asked, done} {
		if err := unix.Mkfifo(fifo, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	script := d.Write("#!/bin/sh\n[ \"$*\" = 'restart containerd' ] && echo >"+asked+" && cat "+done+"\n", "systemctl/systemctl")
	if err := os.Chmod(script, 0o755); err != nil {
		t.Fatal(err)
	}
	d.Setenv("PATH", filepath.Dir(script)+":"+filepath.Join(d.Module, "bin/clients")+":/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
	go func() {
		// Nobody asks a second time.
		if _, err := os.ReadFile(asked); err != nil {
			t.Error(err)
		}
		d.Down(t)
		d.Up(t)
		if err := os.WriteFile(done, nil, 0); err != nil {
			t.Error(err)
		}
	}()
}
