package kubernetes

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/directfs/runsc/runsc/internal/clients/lab"
)

func TestMain(m *testing.M) {
	os.Exit(lab.Main(m, "ip"))
}

// programs are built by make test-clients.
func program(tb testing.TB, l *lab.Lab, name string) string {
	tb.Helper()
	path := filepath.Join(l.Module, "bin", "clients", name)
	if _, err := os.Stat(path); err != nil {
		tb.Fatalf("%v; run make bin/clients/%s", err, name)
	}
	return path
}

// cluster is an API server and its store.
type cluster struct {
	*lab.Lab
	tb testing.TB
}

const server = "https://127.0.0.1:6443"

// services is the range of their addresses; all of them are this machine's.
const services = "10.96.0.0/16"

func newCluster(tb testing.TB) *cluster {
	tb.Helper()
	c := &cluster{lab.New(tb), tb}
	c.Setenv("PATH", filepath.Join(c.Module, "bin", "clients")+":"+filepath.Join(c.Module, "bin")+":/usr/sbin:/usr/bin:/sbin:/bin")
	if r := c.Try("ip", "route", "replace", "local", services, "dev", "lo"); r.Code != 0 {
		tb.Fatal(r.All())
	}
	etcd := program(tb, c.Lab, "etcd")
	c.daemon(etcd, "--data-dir="+c.Path("etcd"), "--listen-client-urls=http://127.0.0.1:2379", "--advertise-client-urls=http://127.0.0.1:2379",
		"--listen-peer-urls=http://127.0.0.1:2380", "--initial-advertise-peer-urls=http://127.0.0.1:2380", "--initial-cluster=default=http://127.0.0.1:2380",
		"--unsafe-no-fsync", "--log-level=warn")
	key := c.serviceAccountKey()
	tokens := c.Write("admin-token,admin,admin,system:masters\n", "tokens")
	c.daemon(program(tb, c.Lab, "kube-apiserver"), "--etcd-servers=http://127.0.0.1:2379", "--bind-address=127.0.0.1", "--advertise-address=10.96.0.9",
		"--endpoint-reconciler-type=none", "--secure-port=6443", "--cert-dir="+c.Path("apiserver"), "--service-cluster-ip-range="+services,
		"--token-auth-file="+tokens, "--authorization-mode=RBAC", "--service-account-issuer=https://localhost",
		"--service-account-key-file="+key, "--service-account-signing-key-file="+key, "--disable-admission-plugins=ServiceAccount", "--v=1")
	c.Setenv("KUBECONFIG", c.Write(fmt.Sprintf(`apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: %q, insecure-skip-tls-verify: true}}]
users: [{name: u, user: {token: admin-token}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
current-context: c
`, server), "kubeconfig"))
	program(tb, c.Lab, "kubectl")
	lab.Eventually(tb, "the API server", func() error {
		if r := c.Try("kubectl", "get", "--raw=/readyz"); r.Code != 0 {
			return errors.New(r.All())
		}
		return nil
	})
	// Controllers make these.
	lab.Eventually(tb, "the namespace default", func() error {
		if r := c.Try("kubectl", "get", "namespace", "default", "kube-system"); r.Code != 0 {
			return errors.New(r.All())
		}
		return nil
	})
	return c
}

func (c *cluster) serviceAccountKey() string {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		c.tb.Fatal(err)
	}
	return c.Write(string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})), "service-account.key")
}

// with is the same cluster for another test.
func (c *cluster) with(tb testing.TB) *cluster { return &cluster{c.Lab, tb} }

// daemon starts a program that runs until the test's end. What it wrote is shown
// if the test fails.
func (c *cluster) daemon(name string, args ...string) *exec.Cmd {
	c.tb.Helper()
	return c.start(exec.Command(name, args...))
}

func (c *cluster) start(cmd *exec.Cmd) *exec.Cmd {
	c.tb.Helper()
	log, err := os.Create(c.Path(fmt.Sprintf("%s-%d.log", filepath.Base(cmd.Path), time.Now().UnixNano())))
	if err != nil {
		c.tb.Fatal(err)
	}
	if cmd.Env == nil {
		cmd.Env = c.Env()
	}
	cmd.Dir, cmd.Stdout, cmd.Stderr = c.Dir, log, log
	if err := cmd.Start(); err != nil {
		c.tb.Fatal(err)
	}
	c.tb.Cleanup(func() {
		// Those that were started last are stopped first.
		failed := c.tb.Failed()
		cmd.Process.Signal(syscall.SIGTERM)
		stuck := time.AfterFunc(20*time.Second, func() { cmd.Process.Kill() })
		cmd.Wait()
		stuck.Stop()
		b, _ := os.ReadFile(log.Name())
		if failed {
			c.tb.Logf("%s:\n%s", filepath.Base(log.Name()), tail(string(b)))
		}
	})
	return cmd
}

func tail(s string) string {
	const n = 6000
	if len(s) > n {
		return "..." + s[len(s)-n:]
	}
	return s
}

// apply creates or changes what the YAML says.
func (c *cluster) apply(yaml string) { c.tb.Helper(); c.stdin(yaml, "apply", "-f", "-") }

func (c *cluster) stdin(in string, args ...string) {
	c.tb.Helper()
	if r := c.tryStdin(in, args...); r.Code != 0 {
		c.tb.Fatalf("kubectl %v: %s", args, r.All())
	}
}

func (c *cluster) tryStdin(in string, args ...string) lab.Result {
	ctx, cancel := context.WithTimeout(context.Background(), lab.Deadline)
	defer cancel()
	cmd := c.Command(ctx, "kubectl", args...)
	cmd.Stdin = strings.NewReader(in)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	r := lab.Result{Stdout: out.String(), Stderr: errs.String()}
	if err != nil {
		r.Code = -1
		if cmd.ProcessState != nil {
			r.Code = cmd.ProcessState.ExitCode()
		}
	}
	return r
}

func (c *cluster) kubectl(args ...string) string {
	c.tb.Helper()
	return c.Run(c.tb, "kubectl", args...)
}

// object reads one.
func object[T any](c *cluster, args ...string) (o T, err error) {
	r := c.Try("kubectl", append([]string{"get", "-o", "json"}, args...)...)
	if r.Code != 0 {
		return o, errors.New(r.All())
	}
	return o, json.Unmarshal([]byte(r.Stdout), &o)
}
