package webhook_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/directfs/runsc/runsc/cli"
)

// asRunsc makes this program the runtime.
const asRunsc = "RUNSC_TEST_AS_RUNSC"

func TestMain(m *testing.M) {
	if os.Getenv(asRunsc) != "" {
		cli.Main()
	}
	os.Exit(m.Run())
}

func runsc(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), asRunsc+"=1")
	return cmd
}

// process is a "runsc webhook".
type process struct {
	t       *testing.T
	cmd     *exec.Cmd
	address string
	client  *http.Client
	log     chan string // what it logs after it serves
}

// start starts one with global options, and waits until it serves.
func start(t *testing.T, global []string, own ...string) *process {
	t.Helper()
	dir := t.TempDir()
	if out, err := runsc(t, "webhook", "certificate", "--dir="+dir, "--host=127.0.0.1").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	args := append(slices.Clone(global), "webhook", "--listen=127.0.0.1:0", "--tls-cert="+filepath.Join(dir, "tls.crt"), "--tls-key="+filepath.Join(dir, "tls.key"))
	p := &process{t: t, cmd: runsc(t, append(args, own...)...), log: make(chan string, 1000)}
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.cmd.Process.Kill(); p.cmd.Wait() })
	lines := bufio.NewScanner(stderr)
	for p.address == "" && lines.Scan() {
		if m := regexp.MustCompile(`msg=serving address=(\S+)`).FindStringSubmatch(lines.Text()); m != nil {
			p.address = m[1]
		} else {
			t.Log(lines.Text())
		}
	}
	if p.address == "" {
		t.Fatal("it does not serve")
	}
	go func() {
		for lines.Scan() {
			p.log <- lines.Text()
		}
		close(p.log)
	}()
	ca, err := os.ReadFile(filepath.Join(dir, "ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	p.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	t.Cleanup(p.client.CloseIdleConnections)
	return p
}

// next is the next line of the log.
func (p *process) next() string {
	p.t.Helper()
	select {
	case line := <-p.log:
		return line
	case <-time.After(time.Minute):
		p.t.Fatal("nothing more in the log")
		return ""
	}
}

func (p *process) get(path string) (int, string) {
	p.t.Helper()
	r, err := p.client.Get("https://" + p.address + path)
	if err != nil {
		p.t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return r.StatusCode, string(b)
}

func review(object string) string {
	return fmt.Sprintf(`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"1","kind":{"version":"v1","kind":"Pod"},"namespace":"ns","operation":"CREATE","object":%s}}`, object)
}

type response struct {
	Allowed  bool
	Status   struct{ Message string }
	Warnings []string
}

func (p *process) review(object string) response {
	p.t.Helper()
	r, err := p.client.Post("https://"+p.address+"/validate", "application/json", strings.NewReader(review(object)))
	if err != nil {
		p.t.Fatal(err)
	}
	defer r.Body.Close()
	var a struct{ Response response }
	if err := json.NewDecoder(r.Body).Decode(&a); err != nil || r.StatusCode != 200 {
		p.t.Fatalf("%d, %v", r.StatusCode, err)
	}
	return a.Response
}

const badPod = `{"kind":"Pod","metadata":{"name":"bad","annotations":{%s}},"spec":{"runtimeClassName":"runsc","volumes":[{"name":"v","emptyDir":{}},{"name":"h","hostPath":{"path":"/srv"}}],
	"containers":[{"name":"c","volumeMounts":[{"name":"v","mountPath":"/v"},{"name":"h","mountPath":"/h"}]}]}}`

// annotate makes a pod of pairs KEY=VALUE, whose keys lack the beginning.
func annotate(pairs ...string) string {
	var all []string
	for _, p := range pairs {
		key, value, _ := strings.Cut(p, "=")
		all = append(all, fmt.Sprintf("%q:%q", "dev."+"gvisor."+key, value))
	}
	return fmt.Sprintf(badPod, strings.Join(all, ","))
}

// The webhook says what "runsc policy check --kubernetes" says with the same
// options: the same lines, in the same order.
func TestSameWordsAsPolicyCheck(t *testing.T) {
	b, err := os.ReadFile("../policycmd/testdata/bundles/bad-pod.json")
	if err != nil {
		t.Fatal(err)
	}
	pods := []string{
		strings.Replace(string(b), `"spec": {`, `"spec": {"runtimeClassName": "runsc",`, 1),
		annotate(),
		annotate("spec.mount.w.directfs=off"),
		annotate("spec.mount.v.type=bind", "spec.mount.v.directfs=on", "spec.mount.h.source=/srv", "spec.mount.h.directfs=off", "spec.mount.x.source=/srv", "spec.mount.x.directfs=on"),
		annotate("spec.mount.h.type=bind", "spec.mount.h.gofer=blob/x", "spec.mount.nothing.type=nfs", "spec.mount.v.x.y=z", "spec.rootfs.direct-fs=on"),
		annotate("flag.directfs=false", "flag.nothing=1", "bundle.experimental-high-performance=yes", "internal.directfs-plan=x"),
		annotate("spec.mount.h.source=/else", "spec.mount.h.directfs=off", "spec.mount.h.gofer=far/models"),
	}
	for _, global := range [][]string{nil, {"--directfs=false", "--directfs-hints=narrow"}, {"--allow-flag-override"}} {
		p := start(t, global)
		for i, pod := range pods {
			var stdout, stderr bytes.Buffer
			check := runsc(t, append(slices.Clone(global), "policy", "check", "--kubernetes")...)
			check.Stdin, check.Stdout, check.Stderr = strings.NewReader(pod), &stdout, &stderr
			err := check.Run()
			var refused, warnings []string
			for line := range strings.Lines(stderr.String()) {
				refused = append(refused, strings.TrimPrefix(strings.TrimSuffix(line, "\n"), "policy check: "))
			}
			for line := range strings.Lines(stdout.String()) {
				if text, ok := strings.CutPrefix(line, "warning: "); ok {
					warnings = append(warnings, strings.TrimSuffix(text, "\n"))
				}
			}
			got := p.review(pod)
			if got.Allowed != (err == nil) || got.Status.Message != strings.Join(refused, "\n") || !slices.Equal(got.Warnings, warnings) {
				t.Errorf("%v, pod %d:\ngot  %+v\nwant %q\n     %q", global, i, got, refused, warnings)
			}
		}
	}
}

// Which volumes the nodes' daemons have is not known where the webhook runs, but
// which daemons there are.
func TestDaemonsAreNotAsked(t *testing.T) {
	pod := func(gofer string) string { return annotate("spec.mount.h.source=/srv", "spec.mount.h.gofer="+gofer) }
	p := start(t, []string{"--volume-daemon=blob=unix:/nowhere/volumed.sock"})
	if got := p.review(pod("blob/models")); !got.Allowed || len(got.Warnings) > 0 {
		t.Errorf("%+v", got)
	}
	if got := p.review(pod("s3/models")); got.Allowed || !strings.Contains(got.Status.Message, "allowed: blob/<VOLUME>, default") {
		t.Errorf("%+v", got)
	}
}

func TestConfigOfTheNodes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "runsc.toml")
	write := func(s string) {
		if err := os.WriteFile(file, []byte("log_level = \"debug\"\n[runsc_config]\n"+s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("directfs = \"false\"\ndirectfs-hints = \"narrow\"\nvolume-daemon = \"blob=unix:/run/x.sock\"\n")
	p := start(t, nil, "--config="+file, "--runtime-class=runsc", "--runtime-class=other")
	if got := p.review(annotate("spec.rootfs.directfs=on")); got.Allowed || !strings.Contains(got.Status.Message, "not permitted by --directfs-hints") {
		t.Errorf("%+v", got)
	}
	if got := p.review(strings.Replace(annotate("spec.rootfs.directfs=on"), "runsc", "other", 1)); got.Allowed {
		t.Errorf("the second class: %+v", got)
	}
	for text, tt := range map[string][2]string{
		`no such option of the runtime`:       {`no-such = "x"`, ""},
		`--directfs=false too`:                {`directfs = "true"`, "--directfs=false"},
		`directfs-hints="some"`:               {`directfs-hints = "some"`, ""},
		`line 3: directfs: true is no string`: {`directfs = true`, ""},
	} {
		write(tt[0])
		args := []string{"webhook", "--tls-cert=x", "--tls-key=x", "--config=" + file}
		if tt[1] != "" {
			args = append([]string{tt[1]}, args...)
		}
		out, err := runsc(t, args...).CombinedOutput()
		var e *exec.ExitError
		if !strings.Contains(string(out), text) || err == nil || !asExit(err, &e) || e.ExitCode() != 1 {
			t.Errorf("%v: %s; want %q", err, out, text)
		}
	}
}

func asExit(err error, e **exec.ExitError) (ok bool) { *e, ok = err.(*exec.ExitError); return ok }

func TestEndpoints(t *testing.T) {
	p := start(t, nil, "--shutdown-delay=0s")
	p.review(annotate("spec.mount.w.directfs=off"))
	line := p.next()
	for _, text := range []string{"msg=refused", "namespace=ns", "name=bad", "findings=1", "names no mount source"} {
		if !strings.Contains(line, text) {
			t.Errorf("no %q in the log: %s", text, line)
		}
	}
	for path, want := range map[string]string{
		"/healthz":  "ok\n",
		"/readyz":   "ok\n",
		"/metrics":  `runsc_webhook_reviews_total{outcome="refused"} 1`,
		"/validate": `method "GET"; allowed: POST`,
		"/":         "404",
	} {
		if code, text := p.get(path); !strings.Contains(text, want) {
			t.Errorf("%s: %d %s", path, code, text)
		}
	}
	if _, text := p.get("/metrics"); !strings.Contains(text, "runsc_webhook_review_duration_seconds_count 1\n") || !strings.Contains(text, "runsc_webhook_malformed_total 1\n") {
		t.Error(text)
	}
}

// A review that has begun is answered, though the server was told to end.
func TestShutdown(t *testing.T) {
	p := start(t, nil, "--shutdown-delay=2s")
	conn, err := tls.Dial("tcp", p.address, p.client.Transport.(*http.Transport).TLSClientConfig)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	body := review(annotate("spec.mount.w.directfs=off"))
	fmt.Fprintf(conn, "POST /validate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body[:10])
	// The server has begun to read when it answers on another connection.
	if code, _ := p.get("/readyz"); code != 200 {
		t.Fatal(code)
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if line := p.next(); !strings.Contains(line, "msg=ending") {
		t.Errorf("logged %s", line)
	}
	go func() {
		for range p.log { // it says who hangs up
		}
	}()
	// It still serves, and says that it ends.
	if code, _ := p.get("/readyz"); code != 503 {
		t.Errorf("readyz says %d", code)
	}
	if got := p.review(annotate()); !got.Allowed {
		t.Errorf("%+v", got)
	}
	// When the delay is over nobody new is let in, but who is there may finish.
	for {
		c, err := net.Dial("tcp", p.address)
		if err != nil {
			break
		}
		c.Close()
	}
	if _, err := io.WriteString(conn, body[10:]); err != nil {
		t.Fatal(err)
	}
	r, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if b, err := io.ReadAll(r.Body); err != nil || !strings.Contains(string(b), "names no mount source") {
		t.Errorf("%s, %v", b, err)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Error(err)
	}
}

func TestUsage(t *testing.T) {
	for text, args := range map[string][]string{
		`give both`: {"webhook"},
		`unexpected argument "x"; allowed: certificate`: {"webhook", "x"},
		`give a directory, one or more hosts`:           {"webhook", "certificate", "--dir=/nowhere"},
		`--listen=nowhere`:                              nil,
	} {
		if args == nil {
			dir := t.TempDir()
			if out, err := runsc(t, "webhook", "certificate", "--dir="+dir, "--host=h").CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			args = []string{"webhook", "--listen=nowhere", "--tls-cert=" + dir + "/tls.crt", "--tls-key=" + dir + "/tls.key"}
		}
		out, err := runsc(t, args...).CombinedOutput()
		var e *exec.ExitError
		if err == nil || !asExit(err, &e) || e.ExitCode() != 1 || !strings.Contains(string(out), text) {
			t.Errorf("%v: %v: %s; want %q", args, err, out, text)
		}
	}
	out, err := runsc(t, "webhook", "--help").Output()
	if err != nil || !strings.Contains(string(out), "-runtime-class") {
		t.Errorf("%v: %s", err, out)
	}
}
