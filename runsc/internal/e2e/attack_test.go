package e2e

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	"github.com/directfs/runsc/runsc/internal/e2e/attacker/job"
)

// stoppedBy are the attempts that any sandbox makes, with the errors of which
// one at least shows that the attempt was real. docs/attacks.md explains them.
var stoppedBy = map[string][]string{
	"dotdot":         nil,
	"down":           nil,
	"absolute":       {"ENOENT"},
	"openat2":        {"EXDEV"},
	"symlinks":       {"ENOENT"},
	"procfs":         {"ENOENT"},
	"hard-links":     {"EXDEV"},
	"renames":        {"EXDEV"},
	"mount-calls":    {"EPERM"},
	"user-namespace": {"EINVAL"},
	"handles":        {"EPERM"},
	"processes":      {"EPERM"},
	"filtered-calls": {"SIGSYS"},
}

// mix is one combination of decisions and circumstances.
type mix struct {
	name     string
	on, off  []string
	readOnly []string
	opts     []harness.Option
	flags    []string
	rootless bool
	hostNet  bool
}

// decisions are all mixes of a rootfs, a mount and one below that.
func decisions() []mix {
	var ms []mix
	for _, root := range []string{"on", "off"} {
		for _, a := range []string{"on", "off"} {
			for _, b := range []string{"on", "off"} {
				m := mix{name: fmt.Sprintf("rootfs %s,a %s,b %s", root, a, b)}
				m.decide("/", root)
				m.decide("/a", a)
				m.decide("/a/b", b)
				m.opts = []harness.Option{
					harness.RootfsHint(root), harness.Mount("/a", "rw", "directfs="+a), harness.Mount("/a/b", "rw", "directfs="+b),
				}
				ms = append(ms, m)
			}
		}
	}
	return ms
}

func (m *mix) decide(destination, how string) {
	if how == "on" {
		m.on = append(m.on, destination)
	} else {
		m.off = append(m.off, destination)
	}
}

// circumstances are mixes with something special about them.
func circumstances() []mix {
	aOn, bOff := harness.Mount("/a", "rw", "directfs=on"), harness.Mount("/a/b", "rw", "directfs=off")
	onOff := []harness.Option{harness.RootfsHint("on"), aOn, bOff}
	base := mix{on: []string{"/", "/a"}, off: []string{"/a/b"}, opts: onOff}
	with := func(name string, change func(m *mix)) mix {
		m := base
		m.name, m.opts = name, slices.Clone(onOff)
		change(&m)
		return m
	}
	return []mix{
		{name: "files", on: []string{"/", "/f-on"}, off: []string{"/f-off", "/c"}, opts: []harness.Option{
			harness.FileMount("/f-on", "on\n", "rw", "directfs=on"), harness.FileMount("/f-off", "off\n", "rw", "directfs=off"),
			harness.Mount("/c", "rw", "directfs=off"),
		}},
		{name: "read-only", on: []string{"/", "/a"}, off: []string{"/a/b"}, readOnly: []string{"/", "/a"}, opts: []harness.Option{
			harness.RootfsHint("on"), harness.Mount("/a", "ro", "directfs=on"), bOff, harness.ReadonlyRoot(), mountPoint("/a", "b"),
		}},
		{name: "read-only beside writable", on: []string{"/", "/a", "/f-on"}, off: []string{"/a/b"}, readOnly: []string{"/a", "/f-on"}, opts: []harness.Option{
			harness.RootfsHint("on"), harness.Mount("/a", "ro", "directfs=on"), bOff, mountPoint("/a", "b"), harness.FileMount("/f-on", "on\n", "ro", "directfs=on"),
		}},
		with("recursive bind", func(m *mix) { m.opts[1] = harness.Mount("/a", "rbind", "rw", "directfs=on") }),
		with("user namespace", func(m *mix) { m.opts = append(m.opts, harness.UserNS(100000, 65536)) }),
		with("host network", func(m *mix) { m.hostNet, m.flags = true, []string{"--network=host"} }),
		with("overlay in memory", func(m *mix) { m.readOnly, m.flags = []string{"/"}, []string{"--overlay2=root:memory"} }),
		with("overlay in the rootfs", func(m *mix) { m.flags = []string{"--overlay2=root:self"} }),
		with("rootless", func(m *mix) { m.rootless, m.opts = true, append(m.opts, harness.OwnedBy(nobodys)) }),
	}
}

// mountPoint makes a directory in a mount's source, where the gofer cannot.
func mountPoint(destination, name string) harness.Option {
	return func(b *harness.Bundle) error {
		return harness.MountFrom(filepath.Join(b.Source(destination), name), "/made/"+name, "rw", "directfs=off")(b)
	}
}

func TestAttacks(t *testing.T) {
	for _, m := range append(decisions(), circumstances()...) {
		t.Run(m.name, func(t *testing.T) {
			lab, c := m.start(t)
			j := jobFor(t, c, m.off, m.readOnly)
			for name := range stoppedBy {
				j.Attempts = append(j.Attempts, name)
			}
			if m.hostNet {
				j.Attempts = append(j.Attempts, "filtered-handle")
			}
			if len(m.readOnly) > 0 {
				j.Attempts = append(j.Attempts, "read-only")
			}
			before := map[string]map[string]string{}
			for _, d := range m.readOnly {
				before[d] = hostState(t, c.Bundle.Source(d))
			}
			m.check(t, runAttacks(t, j))
			for _, d := range m.readOnly {
				checkUnchanged(t, c.Bundle.Source(d), before[d])
			}
			// The sandbox is none the worse for it.
			execGuest(t, c, "mounts")
			stop(t, lab, c)
		})
	}
}

// start starts the mix's container and waits until it has used its mounts.
func (m mix) start(t *testing.T) (*harness.Lab, *harness.Container) {
	t.Helper()
	lab := newLab(t, m.flags...)
	opts := append(slices.Clone(m.opts), plant(m.off))
	if len(m.readOnly) > 0 {
		opts = append(opts, harness.Args("serve", "/tmp"))
	} else {
		opts = append(opts, harness.Args("serve", "/"))
	}
	if m.rootless {
		lab = newRootless(t, lab, m.flags...)
		c := runDetached(t, lab, lab.Bundle(t, opts...))
		readReport(t, c)
		return lab, c
	}
	c := lab.Serve(t, lab.Bundle(t, opts...))
	readReport(t, c)
	return lab, c
}

func newRootless(t *testing.T, lab *harness.Lab, flags ...string) *harness.Lab {
	t.Helper()
	lab.Runtime = lab.With(append([]string{"--rootless"}, flags...)...)
	var err error
	if lab.Runtime, err = lab.As(nobodys); err != nil {
		t.Fatal(err)
	}
	return lab
}

func (m mix) check(t *testing.T, results map[string]job.Result) {
	t.Helper()
	for name, r := range results {
		errors := stoppedBy[name]
		switch {
		case name == "filtered-handle":
			errors = []string{"SIGSYS"}
		case name == "read-only":
			errors = []string{"EROFS"}
		case name == "handles" && m.hostNet:
			// With CAP_DAC_READ_SEARCH in the host's user namespace, nothing
			// but the filter is in the way.
			if len(r.Breaches) == 0 {
				t.Errorf("%s: not even without filters; let the test expect that", name)
			}
			continue
		case len(m.on) == 0 && r.Dirs != 0:
			t.Errorf("the sandbox has %d directories of mounts that are all off", r.Dirs)
		case len(m.on) == 0:
			errors = nil
		case (len(m.on) == 1 || slices.Contains(m.readOnly, "/")) && (name == "hard-links" || name == "renames"):
			// There are no two mounts that could be written to.
			errors = append([]string{"EROFS", "ENOENT"}, errors...)
		case m.rootless && name == "procfs":
			// The engine leaves a rootless sandbox its own procfs, which leads
			// to nothing but what it has (docs/attacks.md).
		}
		checkStopped(t, r, errors...)
	}
}
