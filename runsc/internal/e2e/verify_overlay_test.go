package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/harness"
	"github.com/directfs/runsc/runsc/internal/verify"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// layersOf are the directories of an overlay in a test.
type layersOf struct {
	dir         string // has the others
	lower       []string
	upper, work string
}

// newLayers makes the directories of an overlay.
func newLayers(t *testing.T, lab *harness.Lab, upper string, lower ...string) (l layersOf) {
	t.Helper()
	dir, err := os.MkdirTemp(lab.Dir, "b")
	if err != nil {
		t.Fatal(err)
	}
	in := func(name string) string {
		path := filepath.Join(dir, name)
		if err := os.Mkdir(path, 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	l.dir = dir
	for _, n := range lower {
		l.lower = append(l.lower, in(n))
	}
	if upper != "" {
		l.upper, l.work = in(upper), in("work")
	}
	return l
}

// mount is the overlay as config.json has it.
func (l layersOf) mount(destination string, options ...string) harness.Option {
	escape := strings.NewReplacer(`\`, `\\`, `,`, `\,`, `:`, `\:`).Replace
	var lower []string
	for _, dir := range l.lower {
		lower = append(lower, escape(dir))
	}
	options = append(options, "lowerdir="+strings.Join(lower, ":"))
	if l.upper != "" {
		options = append(options, "upperdir="+escape(l.upper), "workdir="+escape(l.work))
	}
	return harness.RawMount(specs.Mount{Destination: destination, Type: "overlay", Source: "overlay", Options: options})
}

// What the kernel has of an overlay is what the plan says, however its layers are
// called.
func TestVerifyHostOverlay(t *testing.T) {
	for _, c := range []struct {
		name    string
		upper   string
		lower   []string
		options []string
	}{
		{"directfs", "upper", []string{"one", "two"}, []string{"directfs=on"}},
		{"lisafs", "upper", []string{"one", "two"}, []string{"directfs=off"}},
		{"read-only", "", []string{"one", "two"}, nil},
		{"userxattr", "upper", []string{"one"}, []string{"userxattr", "directfs=off"}},
		{"names", "up \\,:\tper#\n", []string{"a,b", "c:d", `e\f`, "g h", "i=j", "\\054"}, []string{"rslave"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			lab := newLab(t)
			l := newLayers(t, lab, c.upper, c.lower...)
			b := lab.Serve(t, lab.Bundle(t, harness.Mount("/a"), l.mount("/ov", c.options...), harness.Args("serve")))
			readReport(t, b)
			report := checkVerified(t, lab.Runtime, b.ID)
			want := []string{"/ov overlay", "/ov overlay layers", "/ov overlay attributes"}
			if l.upper != "" {
				want = append(want, "locks")
			}
			for _, item := range want {
				if !slices.ContainsFunc(report.Rows, func(r verify.Row) bool { return r.Item == item && r.Verdict == verify.OK }) {
					t.Errorf("no row %q", item)
				}
			}
			stop(t, lab, b)
		})
	}
}

// An overlay that is not the planned one is noticed, by what is different.
func TestVerifyNoticesOverlay(t *testing.T) {
	lab := newLab(t)
	l := newLayers(t, lab, "upper", "one", "two")
	c := lab.Serve(t, lab.Bundle(t, harness.Mount("/a"), harness.Mount("/all"), l.mount("/on", "directfs=on"), newLayers(t, lab, "upper", "one").mount("/off", "directfs=off"), harness.Args("serve")))
	readReport(t, c)
	checkVerified(t, lab.Runtime, c.ID)
	for _, mount := range []string{"/on", "/off"} {
		overlay, layers := mount+" overlay", mount+" overlay layers"
		for name, each := range map[string]struct {
			change func(m *directfspolicy.Mount)
			items  []string
		}{
			"order":       {func(m *directfspolicy.Mount) { slices.Reverse(m.Sources) }, []string{layers}},
			"another":     {func(m *directfspolicy.Mount) { m.Sources[0].Path += "x" }, []string{layers}},
			"more":        {func(m *directfspolicy.Mount) { m.Sources = append(m.Sources[:1:1], m.Sources...) }, []string{layers}},
			"attributes":  {func(m *directfspolicy.Mount) { m.Union.Options = []string{"userxattr"} }, []string{mount + " overlay attributes"}},
			"name":        {func(m *directfspolicy.Mount) { m.Union.Source = "name" }, []string{overlay}},
			"lower alone": {func(m *directfspolicy.Mount) { m.Sources = m.Sources[:len(m.Sources)-2] }, []string{overlay, layers}},
			"lock":        {func(m *directfspolicy.Mount) { m.Sources[len(m.Sources)-1].Inode++ }, []string{"gofer: locks"}},
		} {
			undo := replan(t, lab.Runtime, c.ID, func(r *directfspolicy.Request) {
				i := slices.IndexFunc(r.Mounts, func(m directfspolicy.Mount) bool { return m.Destination == mount })
				each.change(&r.Mounts[i])
			})
			t.Log(mount, name)
			checkNoticed(t, lab.Runtime, c.ID, each.items)
			undo()
		}
	}
	// A directory where an overlay should be.
	undo := replan(t, lab.Runtime, c.ID, func(r *directfspolicy.Request) {
		i := slices.IndexFunc(r.Mounts, func(m directfspolicy.Mount) bool { return m.Destination == "/on" })
		a := slices.IndexFunc(r.Mounts, func(m directfspolicy.Mount) bool { return m.Destination == "/a" })
		r.Mounts[a].Sources, r.Mounts[a].Union = r.Mounts[i].Sources, r.Mounts[i].Union
	})
	checkNoticed(t, lab.Runtime, c.ID, []string{"/a overlay"})
	undo()
	checkVerified(t, lab.Runtime, c.ID)
	stop(t, lab, c)
}

// The layers are reached through the overlay alone, unless the plan has them in a
// directfs mount too, which a mount that is off is not to be in.
func TestVerifyReachesLayers(t *testing.T) {
	for _, access := range []string{"on", "off"} {
		t.Run(access, func(t *testing.T) {
			lab := newLab(t)
			l := newLayers(t, lab, "upper", "one", "two")
			c := lab.Serve(t, lab.Bundle(t, harness.MountFrom(l.dir, "/all", "ro", "directfs=on"), l.mount("/ov", "directfs="+access), harness.Args("serve")))
			readReport(t, c)
			if access == "off" {
				checkOnly(t, lab.Runtime, c.ID, "reachable from there")
				stop(t, lab, c)
				return
			}
			checkVerified(t, lab.Runtime, c.ID)
			undo := replan(t, lab.Runtime, c.ID, func(r *directfspolicy.Request) {
				i := slices.IndexFunc(r.Mounts, func(m directfspolicy.Mount) bool { return m.Destination == "/all" })
				r.Mounts[i].Sources = nil
			})
			checkNoticed(t, lab.Runtime, c.ID, []string{"reachable from there"})
			undo()
			stop(t, lab, c)
		})
	}
}

// Where another mount hides an overlay, its files are served.
func TestVerifyHiddenOverlay(t *testing.T) {
	for _, access := range []string{"on", "off"} {
		t.Run(access, func(t *testing.T) {
			lab := newLab(t)
			b := lab.Bundle(t, newLayers(t, lab, "upper", "one").mount("/ov", "directfs="+access), harness.Mount("/a"), harness.Args("serve"))
			over := newLayers(t, lab, "", "one", "two")
			b.Spec.Mounts = append(b.Spec.Mounts, []specs.Mount{
				{Destination: "/ov", Type: "overlay", Source: "over", Options: []string{"lowerdir=" + over.lower[0] + ":" + over.lower[1], "directfs=" + access}},
				{Destination: "/a", Type: "overlay", Source: "over", Options: []string{"lowerdir=" + over.lower[0] + ":" + over.lower[1], "directfs=on"}},
			}...)
			if err := b.Save(); err != nil {
				t.Fatal(err)
			}
			c := lab.Serve(t, b)
			readReport(t, c)
			checkVerified(t, lab.Runtime, c.ID)
			stop(t, lab, c)
		})
	}
}

// Whoever asks beforehand for an upper layer that a container has is told which one.
func TestPolicyOverlayInUse(t *testing.T) {
	lab := newLab(t)
	l := newLayers(t, lab, "upper", "one")
	bundle := lab.Bundle(t, l.mount("/ov"), harness.Args("serve"))
	c := lab.Serve(t, bundle)
	readReport(t, c)
	said := fmt.Sprintf("is in use by container %q", c.ID)
	res, err := lab.Command(harness.Context(t), "policy", "check", "--bundle", bundle.Dir)
	if err != nil || res.ExitCode == 0 || strings.Count(res.Stderr, said) != 2 {
		t.Errorf("check: %v, %+v, want %s of upper and work", err, res, said)
	}
	stop(t, lab, c)
	command(t, lab.Runtime, "policy", "check", "--bundle", bundle.Dir)
}

// The sentry's overlay is made of mounts that are compared as any.
func TestVerifySentryOverlay(t *testing.T) {
	for _, access := range []string{"on", "off"} {
		t.Run(access, func(t *testing.T) {
			lab := newLab(t)
			l := newLayers(t, lab, "upper", "one", "two")
			c := lab.Serve(t, lab.Bundle(t, harness.Mount("/a"), l.mount("/ov", "gvisor.overlay=sentry", "directfs="+access), harness.Args("serve")))
			readReport(t, c)
			checkVerified(t, lab.Runtime, c.ID)
			layer := "/ov/.overlay/lower1"
			undo := replan(t, lab.Runtime, c.ID, func(r *directfspolicy.Request) {
				i := slices.IndexFunc(r.Mounts, func(m directfspolicy.Mount) bool { return m.Destination == layer })
				setHint(&r.Mounts[i], access == "off")
			})
			checkNoticed(t, lab.Runtime, c.ID, []string{layer + " access"})
			undo()
			undo = replan(t, lab.Runtime, c.ID, func(r *directfspolicy.Request) {
				i := slices.IndexFunc(r.Mounts, func(m directfspolicy.Mount) bool { return m.Destination == "/ov/.overlay/upper" })
				r.Mounts[i].Sources[0].Inode++
			})
			checkNoticed(t, lab.Runtime, c.ID, []string{"gofer: locks"})
			undo()
			stop(t, lab, c)
		})
	}
}
