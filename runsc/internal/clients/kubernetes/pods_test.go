package kubernetes

import (
	"encoding/base64"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/directfs/runsc/runsc/internal/clients/lab"
)

// pod is one with a configMap v at /v and pairs KEY=VALUE of annotations, whose
// keys lack the beginning that they have in common.
func pod(namespace, name, class string, annotations ...string) string {
	s := fmt.Sprintf("apiVersion: v1\nkind: Pod\nmetadata:\n  name: %s\n  namespace: %s\n  annotations:\n    x: z\n", name, namespace)
	s += notes(annotations)
	s += "spec:\n"
	if class != "" {
		s += "  runtimeClassName: " + class + "\n"
	}
	return s + `  containers:
  - name: app
    image: app
    volumeMounts:
    - {name: v, mountPath: /v}
  volumes:
  - name: v
    configMap: {name: c}
`
}

func notes(pairs []string) (s string) {
	for _, a := range pairs {
		key, value, _ := strings.Cut(a, "=")
		s += fmt.Sprintf("    dev.gvisor.spec.%s: %q\n", key, value)
	}
	return s
}

// refused checks that kubectl says all that is wrong.
func refused(t *testing.T, what string, r lab.Result, texts ...string) {
	t.Helper()
	if r.Code == 0 {
		t.Errorf("%s: created: %s", what, r.All())
	}
	for _, text := range texts {
		if !strings.Contains(r.Stderr, text) {
			t.Errorf("%s: no %q in: %s", what, text, r.Stderr)
		}
	}
}

func (c *cluster) create(yaml string) lab.Result { return c.tryStdin(yaml, "create", "-f", "-") }

// One API server for all: it takes seconds to start.
func TestWebhook(t *testing.T) {
	c := newCluster(t)
	for _, class := range []string{"runc", "gvisor"} {
		c.apply("apiVersion: node.k8s.io/v1\nkind: RuntimeClass\nmetadata: {name: " + class + "}\nhandler: x\n")
	}
	w := c.install()
	t.Run("pods", func(t *testing.T) { testPods(t, c.with(t)) })
	t.Run("updates", func(t *testing.T) { testUpdates(t, c.with(t)) })
	t.Run("templates", func(t *testing.T) { testTemplates(t, c.with(t)) })
	t.Run("rotation", func(t *testing.T) { testRotation(t, c.with(t), w) })
	t.Run("down", func(t *testing.T) { testDown(t, c.with(t), w) })
}

func testPods(t *testing.T, c *cluster) {
	created := func(what, yaml, warning string) {
		t.Helper()
		r := c.create(yaml)
		if r.Code != 0 || (warning == "") != !strings.Contains(r.Stderr, "Warning") || !strings.Contains(r.Stderr, warning) {
			t.Errorf("%s: %s; want the warning %q", what, r.All(), warning)
		}
	}
	typ, off, bad, lost := "mount.v.type=bind", "mount.v.directfs=off", "mount.v.directfs=maybe", "mount.w.directfs=off"
	created("no hint", pod("default", "plain", "runsc"), "")
	created("a hint", pod("default", "good", "runsc", typ, off), "")
	created("a hint alone", pod("default", "alone", "runsc", off), "")
	created("another class", pod("default", "other", "gvisor", typ, bad), "")
	created("no class", pod("default", "none", "", typ, bad), "")
	created("kube-system", pod("kube-system", "bad", "runsc", typ, bad), "")
	created("a warning", pod("default", "warned", "runsc", "mount.z.source=/nowhere", "mount.z.directfs=off"), "matches no mount of any container")
	refused(t, "every finding", c.create(pod("default", "bad", "runsc", lost, "mount.z.directfs=maybe", "mount.z.source=/x", "rootfs.direct-fs=off", "rootfs.directfs=on", "mount.c.cache=none", "mount.c.type=bind")),
		`admission webhook "pods.webhook.runsc" denied the request: `,
		`dev.gvisor.spec.mount.w.directfs="off": hint names no mount source; give the hint the name of one of the pod's volumes`,
		`dev.gvisor.spec.mount.z.directfs="maybe"`,
		`dev.gvisor.spec.rootfs.direct-fs="off": invalid key`,
		`dev.gvisor.spec.mount.c.cache="none"`,
		`the pod has no volume "c"`)
	// The ceiling is that of the configuration that nodes get too.
	c.apply("apiVersion: v1\nkind: Namespace\nmetadata: {name: tenant}\n")
	refused(t, "in any namespace", c.create(pod("tenant", "bad", "runsc", bad, typ)), "maybe")
	// A deployment's pods are made by its controller; it would be refused so.
	refused(t, "by generated name", c.create(strings.Replace(pod("default", "bad-", "runsc", bad, typ), "name: bad-", "generateName: bad-", 1)), "maybe")
	if r := c.tryStdin(pod("default", "dry", "runsc", bad, typ), "create", "--dry-run=server", "-f", "-"); r.Code == 0 {
		t.Errorf("a dry run: %s", r.All())
	}
	// What kubectl was told is what the command says of the same file.
	yaml := pod("default", "words", "runsc", lost, "rootfs.direct-fs=off")
	said := c.create(yaml).Stderr
	check := c.Try("bash", "-c", "kubectl create --dry-run=client -o json -f "+c.Write(yaml, "words.yaml")+" | runsc --directfs-hints=narrow policy check --kubernetes")
	for line := range strings.Lines(check.Stderr) {
		if text := strings.TrimPrefix(line, "policy check: "); !strings.Contains(said, text) {
			t.Errorf("no %q in %s", text, said)
		}
	}
	if strings.Count(check.Stderr, "\n") != 2 {
		t.Errorf("the command says: %s", check.All())
	}
}

func testUpdates(t *testing.T, c *cluster) {
	const key = "dev.gvisor.spec.mount.v.directfs"
	// It has no node yet, so the hint can change; not to nonsense.
	c.kubectl("annotate", "pod", "good", "--overwrite", key+"=default")
	refused(t, "nonsense", c.Try("kubectl", "annotate", "pod", "good", "--overwrite", key+"=maybe"), "maybe")
	c.apply("apiVersion: v1\nkind: Node\nmetadata: {name: node-1}\n")
	bind := `{"apiVersion":"v1","kind":"Binding","metadata":{"name":"good"},"target":{"apiVersion":"v1","kind":"Node","name":"node-1"}}`
	c.stdin(bind, "create", "--raw=/api/v1/namespaces/default/pods/good/binding", "-f", "-")
	refused(t, "a change for a pod with a node", c.Try("kubectl", "annotate", "pod", "good", "--overwrite", key+"=off"), "contradicts another hint", "create the pod anew")
	c.kubectl("annotate", "pod", "good", "unrelated=1")
	c.kubectl("patch", "pod", "good", "--subresource=status", "--type=merge", "-p", `{"status":{"phase":"Running"}}`)
	if r := c.Try("kubectl", "annotate", "pod", "good", key+"-"); r.Code != 0 || !strings.Contains(r.Stderr, "Warning: ") {
		t.Errorf("a hint is removed: %s", r.All())
	}
	r := c.Try("kubectl", "debug", "good", "--image=debug", "--profile=general")
	if r.Code != 0 {
		t.Errorf("kubectl debug: %s", r.All())
	}
	c.kubectl("delete", "pod", "good", "--now", "--wait=false")
}

func testTemplates(t *testing.T, c *cluster) {
	deployment := func(name, class string, annotations ...string) string {
		return fmt.Sprintf("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: %s}\nspec:\n  selector: {matchLabels: {a: b}}\n  template:\n    metadata:\n      labels: {a: b}\n      annotations:\n        x: z\n%s"+
			"    spec:\n      runtimeClassName: %s\n      containers: [{name: c, image: i}]\n", name, strings.ReplaceAll(notes(annotations), "    dev", "        dev"), class)
	}
	r := c.create(deployment("bad", "runsc", "rootfs.directfs=maybe"))
	if r.Code != 0 || !strings.Contains(r.Stderr, `Warning: pods of this template will be refused: pod: dev.gvisor.spec.rootfs.directfs="maybe"`) {
		t.Errorf("a deployment: %s", r.All())
	}
	for name, class := range map[string]string{"good": "runsc", "other": "runc"} {
		if r := c.create(deployment(name, class, "rootfs.directfs="+map[string]string{"good": "off", "other": "maybe"}[name])); r.Code != 0 || strings.Contains(r.Stderr, "Warning") {
			t.Errorf("%s: %s", name, r.All())
		}
	}
	r = c.create("apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: bad}\nspec:\n  schedule: '* * * * *'\n  jobTemplate:\n    spec:\n      template:\n        metadata:\n          annotations:\n            dev.gvisor.spec.rootfs.cache: none\n" +
		"        spec:\n          restartPolicy: Never\n          runtimeClassName: runsc\n          containers: [{name: c, image: i}]\n")
	if r.Code != 0 || !strings.Contains(r.Stderr, "Warning: pods of this template will be refused: ") {
		t.Errorf("a cron job: %s", r.All())
	}
}

// While pods are created, the certificate is replaced, by one of another
// authority. No review fails: with failurePolicy Fail, none could hide.
func testRotation(t *testing.T, c *cluster, w *webhook) {
	second := strings.TrimSpace(c.Run(t, c.Runsc, "webhook", "certificate", "--dir="+c.Path("second"), "--host=runsc-webhook.runsc-system.svc"))
	both := ""
	for _, dir := range []string{"first", "second"} {
		b, err := os.ReadFile(c.Path(dir, "ca.crt"))
		if err != nil {
			t.Fatal(err)
		}
		both += string(b)
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	var n [4]int
	end := sync.OnceFunc(func() { close(stop); wg.Wait() })
	defer end()
	for i := range n {
		client := newClient(t)
		wg.Go(func() {
			for ; ; n[i]++ {
				select {
				case <-stop:
					return
				default:
				}
				if err := client.tryCreate(fmt.Sprintf("r%d-%d", i, n[i])); err != nil {
					t.Errorf("a review failed: %v", err)
				}
			}
		})
	}
	c.caBundle(base64.StdEncoding.EncodeToString([]byte(both)))
	secret := c.kubectl("-n", system, "create", "secret", "tls", "runsc-webhook-tls", "--cert="+c.Path("second/tls.crt"), "--key="+c.Path("second/tls.key"), "--dry-run=client", "-o", "yaml")
	c.apply(secret)
	if err := w.mountSecret(); err != nil {
		t.Fatal(err)
	}
	// The API server keeps its connections; another one sees the new certificate.
	lab.Eventually(t, "the new certificate", func() error {
		r := c.Try("bash", "-c", "kubectl -n "+system+" get service runsc-webhook -o jsonpath={.spec.clusterIP}")
		ip := strings.TrimSpace(r.Stdout)
		out := c.Try("curl", "-sS", "--cacert", c.Path("second/ca.crt"), "--resolve", "runsc-webhook.runsc-system.svc:443:"+ip, "https://runsc-webhook.runsc-system.svc/healthz")
		if out.Stdout != "ok\n" {
			return fmt.Errorf("%s", out.All())
		}
		return nil
	})
	c.caBundle(second)
	for range 5 { // with new connections: a changed bundle is another client
		if r := c.create(pod("default", "after", "runsc")); r.Code != 0 {
			t.Errorf("with the new authority alone: %s", r.All())
		}
		c.kubectl("delete", "pod", "after", "--now")
	}
	end()
	sum := 0
	for _, created := range n {
		sum += created
	}
	if sum < 20 {
		t.Errorf("%d pods were reviewed meanwhile", sum)
	}
	t.Logf("%d pods were reviewed while the certificate was replaced", sum)
}

func (c *cluster) caBundle(bundle string) {
	c.tb.Helper()
	var ops []string
	for i := range 3 {
		ops = append(ops, fmt.Sprintf(`{"op":"replace","path":"/webhooks/%d/clientConfig/caBundle","value":%q}`, i, bundle))
	}
	c.kubectl("patch", "validatingwebhookconfiguration", "runsc", "--type=json", "-p", "["+strings.Join(ops, ",")+"]")
}

// While the webhook is down, pods of its class are not created, and all others are.
func testDown(t *testing.T, c *cluster, w *webhook) {
	w.stop()
	refused(t, "a pod", c.create(pod("default", "down", "runsc")), `failed calling webhook "pods.webhook.runsc"`, "connection refused")
	for _, yaml := range []string{pod("default", "down-none", ""), pod("default", "down-other", "runc"), pod("kube-system", "down", "runsc"), pod(system, "down", "runsc")} {
		if r := c.create(yaml); r.Code != 0 {
			t.Errorf("%s\n%s", r.All(), yaml)
		}
	}
	// Templates are let through.
	if r := c.create("apiVersion: batch/v1\nkind: Job\nmetadata: {name: down}\nspec:\n  template:\n    spec: {restartPolicy: Never, runtimeClassName: runsc, containers: [{name: c, image: i}]}\n"); r.Code != 0 {
		t.Error(r.All())
	}
	if err := w.start(); err != nil {
		t.Fatal(err)
	}
	if r := c.create(pod("default", "up-again", "runsc")); r.Code != 0 {
		t.Error(r.All())
	}
}
