package docker

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/directfs/runsc/runsc/internal/clients/guide"
	"github.com/directfs/runsc/runsc/internal/clients/lab"
)

// A reader's dockerd runs, with docker's own directories, which are the machine's
// here.
func TestGuide(t *testing.T) {
	l := lab.New(t)
	if err := errors.Join(os.MkdirAll("/etc/docker", 0o755), os.RemoveAll("/etc/docker/daemon.json")); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(l.Path("dockerd.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	dockerd := exec.Command("dockerd", "--bridge=none", "--iptables=false", "--ip6tables=false")
	dockerd.Env, dockerd.Stdout, dockerd.Stderr = l.Env(), log, log
	if err := dockerd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = dockerd.Process.Signal(syscall.SIGTERM)
		_ = dockerd.Wait() // its status says how
	})
	lab.Eventually(t, "dockerd", func() error {
		if r := l.Try("docker", "version"); r.Code != 0 {
			return errors.New(r.All())
		}
		return nil
	})
	guide.Run(t, filepath.Join(l.Module, "docs/clients/docker.md"), guide.Options{Dir: l.Module, Env: l.Env()})
}
