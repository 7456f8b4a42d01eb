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
	readersDockerd(t, l)
	guide.Run(t, filepath.Join(l.Module, "docs/clients/docker.md"), guide.Options{Dir: l.Module, Env: l.Env()})
}

// The commands of the README, for all clients; the reader has an image.
func TestReadme(t *testing.T) {
	l := lab.New(t)
	readersDockerd(t, l)
	serve(t, l, exec.Command("containerd"), "ctr", "version")
	image := l.Image(t, l.Rootfs(t, "rootfs"))
	l.Run(t, "docker", "load", "-i", image)
	l.Run(t, "podman", "load", "-i", image)
	l.Run(t, "ctr", "image", "import", image)
	l.Setenv("IMAGE", lab.ImageName)
	guide.Run(t, filepath.Join(l.Module, "README.md"), guide.Options{Dir: l.Module, Env: l.Env()})
}

func readersDockerd(t *testing.T, l *lab.Lab) {
	t.Helper()
	if err := errors.Join(os.MkdirAll("/etc/docker", 0o755), os.RemoveAll("/etc/docker/daemon.json"), os.RemoveAll("/etc/docker/daemon.json.runsc-install")); err != nil {
		t.Fatal(err)
	}
	serve(t, l, exec.Command("dockerd", "--bridge=none", "--iptables=false", "--ip6tables=false"), "docker", "version")
}

// serve starts a daemon with the lab's environment, and waits until a client's
// command works. It ends with the test.
func serve(t *testing.T, l *lab.Lab, cmd *exec.Cmd, client ...string) {
	t.Helper()
	log, err := os.Create(l.Path(cmd.Args[0] + ".log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd.Env, cmd.Stdout, cmd.Stderr = l.Env(), log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait() // its status says how
	})
	lab.Eventually(t, cmd.Args[0], func() error {
		if r := l.Try(client[0], client[1:]...); r.Code != 0 {
			return errors.New(r.All())
		}
		return nil
	})
}
