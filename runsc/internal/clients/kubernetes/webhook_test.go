package kubernetes

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/directfs/runsc/runsc/internal/clients/lab"
)

// webhook does what a kubelet and the deployment's controller do with the
// manifests: it runs the deployment's command as the user that its security
// context says, without capabilities, at the address of the service, with the
// secret and the configuration where they are mounted.
type webhook struct {
	c   *cluster
	dir string
	n   int
	cmd *exec.Cmd
}

const system = "runsc-system"

func (c *cluster) webhook() *webhook {
	w := &webhook{c: c, dir: c.Mkdir("pod")}
	for _, d := range []string{"tls", "config"} {
		c.Mkdir("pod", d)
	}
	return w
}

// mount writes a secret or a configuration as a kubelet does: files are links
// into ..data, which is exchanged.
func (w *webhook) mount(dir string, files map[string][]byte) error {
	w.n++
	version := fmt.Sprintf("..v%d", w.n)
	root := filepath.Join(w.dir, dir)
	if err := os.Mkdir(filepath.Join(root, version), 0o755); err != nil {
		return err
	}
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(root, version, name), b, 0o444); err != nil {
			return err
		}
		if err := os.Symlink(filepath.Join("..data", name), filepath.Join(root, name)); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	if err := os.Symlink(version, filepath.Join(root, "..new")); err != nil {
		return err
	}
	return os.Rename(filepath.Join(root, "..new"), filepath.Join(root, "..data"))
}

// mountSecret mounts the secret as it is now.
func (w *webhook) mountSecret() error {
	s, err := object[struct{ Data map[string]string }](w.c, "-n", system, "secret", "runsc-webhook-tls")
	if err != nil {
		return err
	}
	files := map[string][]byte{}
	for name, v := range s.Data {
		if files[name], err = base64.StdEncoding.DecodeString(v); err != nil {
			return err
		}
	}
	return w.mount("tls", files)
}

type deployment struct {
	Spec struct {
		Template struct {
			Spec struct {
				SecurityContext struct{ RunAsUser, RunAsGroup uint32 }
				Containers      []struct{ Command []string }
				Volumes         []struct{ ConfigMap struct{ Name string } }
			}
		}
	}
}

// start runs it and says so to the API server.
func (w *webhook) start() error {
	if err := w.mountSecret(); err != nil {
		return err
	}
	d, err := object[deployment](w.c, "-n", system, "deployment", "runsc-webhook")
	if err != nil {
		return err
	}
	pod := d.Spec.Template.Spec
	for _, v := range pod.Volumes {
		if v.ConfigMap.Name == "" {
			continue
		}
		m, err := object[struct{ Data map[string]string }](w.c, "-n", system, "configmap", v.ConfigMap.Name)
		if err != nil {
			return err
		}
		if err := w.mount("config", map[string][]byte{"runsc.toml": []byte(m.Data["runsc.toml"])}); err != nil {
			return err
		}
	}
	command := pod.Containers[0].Command
	for i, arg := range command {
		for from, to := range map[string]string{"=:8443": "=:443", "=/tls/": "=" + w.dir + "/tls/", "=/config/": "=" + w.dir + "/config/", "/opt/runsc/runsc": w.c.Runsc} {
			arg = strings.Replace(arg, from, to, 1)
		}
		command[i] = arg
	}
	// The port of the service, without what sends it on to the container's.
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_unprivileged_port_start", []byte("0"), 0o644); err != nil {
		return err
	}
	w.cmd = exec.Command(command[0], command[1:]...)
	w.cmd.Env = []string{} // a container has another
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: pod.SecurityContext.RunAsUser, Gid: pod.SecurityContext.RunAsGroup}}
	w.c.start(w.cmd)
	s, err := object[struct{ Spec struct{ ClusterIP string } }](w.c, "-n", system, "service", "runsc-webhook")
	if err != nil {
		return err
	}
	lab.Eventually(w.c.tb, "the webhook", func() error {
		r := w.c.Try("bash", "-c", "exec 3<>/dev/tcp/"+s.Spec.ClusterIP+"/443")
		if r.Code != 0 {
			return errors.New(r.All())
		}
		return nil
	})
	r := w.c.Try("kubectl", "-n", system, "patch", "deployment", "runsc-webhook", "--subresource=status", "--type=merge",
		"-p", `{"status":{"replicas":2,"readyReplicas":2,"availableReplicas":2,"updatedReplicas":2,"observedGeneration":1,"conditions":[{"type":"Available","status":"True"}]}}`)
	if r.Code != 0 {
		return errors.New(r.All())
	}
	return nil
}

func (w *webhook) stop() {
	w.c.tb.Helper()
	w.cmd.Process.Signal(syscall.SIGTERM)
	if err := w.cmd.Wait(); err != nil {
		w.c.tb.Errorf("the webhook ended with %v", err)
	}
}

// install applies the manifests with a certificate that the command makes, and
// runs the webhook.
func (c *cluster) install() *webhook {
	c.tb.Helper()
	bundle := strings.TrimSpace(c.Run(c.tb, c.Runsc, "webhook", "certificate", "--dir="+c.Path("first"), "--host=runsc-webhook.runsc-system.svc"))
	c.apply(strings.ReplaceAll(manifests(c.tb, c.Lab), placeholder, bundle))
	c.kubectl("-n", system, "create", "secret", "tls", "runsc-webhook-tls", "--cert="+c.Path("first/tls.crt"), "--key="+c.Path("first/tls.key"))
	w := c.webhook()
	if err := w.start(); err != nil {
		c.tb.Fatal(err)
	}
	return w
}

// placeholder stands for the authority in the manifests.
const placeholder = "Q0EtQlVORExF"

func manifests(tb testing.TB, l *lab.Lab) string {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join(l.Module, "runsc/deploy/kubernetes/runsc-own-certificate.yaml"))
	if err != nil {
		tb.Fatal(err)
	}
	return string(b)
}
