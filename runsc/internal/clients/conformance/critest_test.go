package conformance

import (
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/internal/clients/conformance/baseline"
	"github.com/directfs/runsc/runsc/internal/clients/containerd"
	"github.com/directfs/runsc/runsc/internal/clients/lab"
)

// Where a list says so, a flag of the runtime makes specs pass.
const flagWord = "flag"

var flags = map[string]string{"oci-seccomp": "true", "allow-suid": "true"}

// The specs of the CRI come to what the list says, on each runtime.
func TestCRI(t *testing.T) {
	list := load(t, "critest")
	for _, runtime := range runtimes {
		t.Run(runtime, func(t *testing.T) {
			t.Parallel()
			c := startCRI(t, runtime, nil)
			got := c.run(t, list.Expected(runtime), "")
			different := list.Differences(runtime, got)
			// What hangs on time is run again, once, and alone.
			if again := slices.Sorted(maps.Keys(different)); len(again) > 0 && len(again) < 10 {
				t.Logf("again: %q", different)
				maps.Copy(got, c.run(t, list.Expected(runtime), pattern(again)))
				different = list.Differences(runtime, got)
			}
			for _, spec := range slices.Sorted(maps.Keys(different)) {
				t.Errorf("%s: %s", spec, different[spec])
			}
			if t.Failed() {
				t.Log(c.daemon.Log())
			}
		})
	}
}

// The specs of which the list says that a flag makes them pass do so, here.
func TestCRIFlags(t *testing.T) {
	t.Parallel()
	specs := load(t, "critest").Where(flagWord)
	got := startCRI(t, baseline.Ours, flags).run(t, nil, pattern(specs))
	for _, spec := range specs {
		if got[spec] != baseline.Passed {
			t.Errorf("%s: %s", spec, got[spec])
		}
	}
}

// startCRI starts a containerd with a runtime, in a network namespace of its own:
// specs use ports of the host.
func startCRI(t *testing.T, runtime string, flags map[string]string) *cri {
	t.Helper()
	name := strings.ReplaceAll(t.Name(), "/", "-")
	h := containerd.Handler{Name: "tested", Flags: flags}
	if runtime == "runc" {
		h.Type = "io.containerd.runc.v2"
	}
	c := &cri{runtime: runtime, handler: h.Name}
	c.daemon = containerd.Prepare(t, h)
	if runtime == baseline.Upstream {
		c.daemon.Write("root = \"/run/containerd/upstream\"\nbinary_name = \""+binary(t, c.daemon.Lab, runtime)+"\"\n", h.Name+".toml")
	}
	ns := "/run/netns/" + name
	c.daemon.Lab.Run(t, "ip", "netns", "add", name)
	t.Cleanup(func() { c.daemon.Lab.Run(t, "ip", "netns", "delete", name) })
	c.daemon.Lab.Run(t, "nsenter", "--net="+ns, "ip", "link", "set", "lo", "up")
	c.enter = []string{"nsenter", "--net=" + ns}
	c.daemon.Cap = c.enter
	c.daemon.Up(t)
	guest := buildGuest(t, c.daemon.Lab)
	for _, i := range images {
		c.daemon.Lab.Run(t, "ctr", "-n", "k8s.io", "image", "import", i.build(t, c.daemon.Lab, guest))
	}
	c.daemon.Write("defaultTestContainerImage: "+busybox+"\n", "images.yaml")
	return c
}

// buildGuest builds the program of the images, in the environment of the tests.
func buildGuest(tb testing.TB, l *lab.Lab) string {
	tb.Helper()
	build := exec.Command("go", "build", "-o", l.Path("guest"), "./guest")
	if out, err := build.CombinedOutput(); err != nil {
		tb.Fatalf("%v: %v\n%s", build, err, out)
	}
	return l.Path("guest")
}
