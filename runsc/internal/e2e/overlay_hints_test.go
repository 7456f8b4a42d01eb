package e2e

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
)

// The access of an overlay is decided by its option, or by a hint for the source of
// any of its layers.
func TestOverlayHints(t *testing.T) {
	lab := newLab(t)
	s := newStack(t, lab, "s", 2)
	for name, c := range map[string]struct {
		flag bool
		opts []harness.Option
		on   bool
	}{
		"option on":                {false, []harness.Option{s.at("/ov", "directfs=on")}, true},
		"option off":               {true, []harness.Option{s.at("/ov", "directfs=off")}, false},
		"source of a lower":        {true, []harness.Option{s.at("/ov"), podHint("x", s.lowers[1], "off")}, false},
		"source of the upper":      {false, []harness.Option{s.at("/ov"), podHint("x", s.upper, "on")}, true},
		"source of work":           {true, []harness.Option{s.at("/ov"), podHint("x", s.work, "off")}, false},
		"source above":             {false, []harness.Option{s.at("/ov"), podHint("x", filepath.Dir(s.upper), "on")}, true},
		"option and source agree":  {true, []harness.Option{s.at("/ov", "directfs=off"), podHint("x", s.upper, "off")}, false},
		"two overlays, one is off": {true, []harness.Option{s.at("/ov"), newStack(t, lab, "o", 1).at("/ow", "directfs=off")}, true},
	} {
		t.Run(name, func(t *testing.T) {
			c0 := lab.ServeWith(t, lab.With(flag(c.flag)), lab.Bundle(t, append(c.opts, harness.Args("serve", "/ov"))...))
			r := readReport(t, c0)
			checkOpsInside(t, r)
			want := access{"/": c.flag, "/ov": c.on}
			if _, ok := r.Mount("/ow"); ok {
				want["/ow"] = false
			}
			checkMountOptions(t, want, r)
			checkOverlays(t, c0, access{"/": c.flag, "/ov": c.on}, map[string]stack{"/ov": s})
			stop(t, lab, c0)
		})
	}
}

// With every mount off the sandbox is not raised, and the overlay works.
func TestOverlayOff(t *testing.T) {
	lab := newLab(t)
	s, low := newStack(t, lab, "s", 2), newStack(t, lab, "low", 2).readOnly()
	c := lab.Serve(t, lab.Bundle(t, harness.RootfsHint("off"), s.at("/ov", "directfs=off"), low.at("/low", "directfs=off"), harness.Args("serve", "/ov")))
	r := readReport(t, c)
	checkOpsInside(t, r)
	none := access{"/": false, "/ov": false, "/low": false}
	checkMountOptions(t, none, r)
	checkPrivileges(t, c, false)
	checkOverlays(t, c, none, map[string]stack{"/ov": s, "/low": low})
	dirs, err := harness.DirFDs(c.SandboxPID)
	if err != nil || len(dirs) > 0 {
		t.Errorf("the sandbox holds directories: %+v, %v", dirs, err)
	}
	execGuest(t, c, "try", "unlink", "/ov/in-lower1")
	checkWhiteout(t, s.upper+"/in-lower1", 0)
	stop(t, lab, c)
}

// What is promised of an overlay's files is promised of all layers' files.
func TestOverlayExclusive(t *testing.T) {
	lab := newLab(t)
	s, o := newStack(t, lab, "s", 2), newStack(t, lab, "o", 1)
	refused := func(mount, by, source string, opts ...harness.Option) {
		t.Helper()
		refusedEverywhere(t, lab, lab.Runtime, fmt.Sprintf(`mount option cache="exclusive" (mount %q): another mount changes the same files; mount %q writes to them (%s); `+
			`allowed: shared, default; write one of these for mount %q, or make mount %q read-only`, mount, by, source, mount, by), opts...)
	}
	overUpper := stack{[]string{s.upper}, o.upper, o.work}
	refused("/ov", "/b", s.lowers[1], s.at("/ov", "cache=exclusive"), harness.MountFrom(s.lowers[1], "/b"))
	refused("/ov", "/b", s.upper, s.at("/ov", "cache=exclusive"), harness.MountFrom(s.upper, "/b"))
	refused("/ov", "/b", s.work, s.at("/ov", "cache=exclusive"), harness.MountFrom(s.work, "/b"))
	refused("/b", "/ov", s.upper, s.at("/ov"), harness.MountFrom(s.upper, "/b", "rw", "cache=exclusive"))
	refused("/ow", "/ov", s.upper, s.at("/ov"), overUpper.at("/ow", "cache=exclusive"))
	for name, opts := range map[string][]harness.Option{
		"alone":                      {s.at("/ov", "cache=exclusive")},
		"a lower that is only read":  {s.at("/ov", "cache=exclusive"), harness.MountFrom(s.lowers[1], "/b", "ro")},
		"a lower of another overlay": {s.at("/ov", "cache=exclusive"), stack{[]string{s.lowers[0]}, o.upper, o.work}.at("/ow")},
	} {
		c := lab.Serve(t, lab.Bundle(t, append(opts, harness.Args("serve", "/ov"))...))
		r := readReport(t, c)
		checkOpsInside(t, r)
		if m, _ := r.Mount("/ov"); !m.Has("cache=fscache") {
			t.Errorf("%s: the overlay has the options %q", name, m.Options)
		}
		stop(t, lab, c)
	}
}

// Options that are not for overlays, and those of overlays elsewhere, are refused.
func TestOverlayOptionsRefused(t *testing.T) {
	lab := newLab(t)
	s := newStack(t, lab, "s", 1)
	const drivers = "allowed: host, sentry, auto; "
	for _, c := range []struct {
		flags   []string
		message string
		opts    []harness.Option
	}{
		{nil, `mount option gvisor.overlay="host" (mount "/a"): the mount is no overlay; ` + drivers + `remove the option, or make the mount one of type overlay`,
			[]harness.Option{harness.Mount("/a", "rw", "gvisor.overlay=host")}},
		{nil, `mount option gvisor.overlay="bad" (mount "/ov"): invalid value; ` + drivers + `write one of the allowed values or remove the option`,
			[]harness.Option{s.at("/ov", "gvisor.overlay=bad")}},
		{nil, `mount option="directfs=off" (mount "/ov"): mount option not allowed; give it an entry of its own among the options, apart from those of the overlay`,
			[]harness.Option{s.at("/ov", "index=off,directfs=off")}},
		{nil, `mount option cache="exclusiv" (mount "/ov"): invalid value; allowed: shared, exclusive, default; write one of the allowed values or remove the key`,
			[]harness.Option{s.at("/ov", "cache=exclusiv")}},
		{[]string{"--directfs-hints=narrow", flag(false)}, `mount option directfs="on" (mount "/ov"): not permitted by --directfs-hints; allowed: off, false, default; ` +
			`--directfs-hints=narrow lets a hint only take directfs away, and --directfs=false does not grant it: remove the hint, or ask the operator`,
			[]harness.Option{s.at("/ov", "directfs=on")}},
		{[]string{"--overlay2=all:self"}, `invalid request: mount "/ov": the overlay over the mount keeps its files in the source, which is only a name for the gofer: ` +
			`keep them elsewhere, by --overlay2=all:memory or --overlay2=all:dir=DIR`,
			[]harness.Option{s.at("/ov")}},
	} {
		refusedEverywhere(t, lab, lab.With(c.flags...), c.message, c.opts...)
	}
	res, err := lab.Command(harness.Context(t), "create", "--bundle="+lab.Bundle(t, s.at("/ov", "gofer=x/y")).Dir, lab.ID())
	const volume = `create: mount option gofer="x/y" (mount "/ov"): a volume cannot serve an overlay; allowed: default; ` +
		`remove the hint, or let the volume be a lower layer, by the sentry's driver: gvisor.overlay=sentry`
	if err != nil || res.ExitCode != 128 || !strings.HasPrefix(res.Stderr, volume+"\n") {
		t.Errorf("%+v, %v, want %s", res, err, volume)
	}
	s.checkUnlocked(t)
}

// An overlay of the sentry over that of the host keeps what is written.
func TestOverlayBelowOverlay2(t *testing.T) {
	for _, value := range []string{"all:memory", "all:dir=DIR", "root:self", "root:memory"} {
		t.Run(value, func(t *testing.T) {
			lab := newLab(t)
			s := newStack(t, lab, "s", 2)
			value := replaceDir(value, sub(t, volume(lab, "keep")))
			over := value[:3] == "all"
			c := lab.ServeWith(t, lab.With("--overlay2="+value), lab.Bundle(t, s.at("/ov"), harness.Args("serve", "/ov")))
			checkOpsInside(t, readReport(t, c))
			execGuest(t, c, "try", "unlink", "/ov/in-lower1")
			if got := names(t, c, "/ov"); got != `["file","in-lower0","kept"]` {
				t.Errorf("the container sees %s", got)
			}
			stop(t, lab, c)
			want := `["in-lower1","kept"]`
			if over {
				want = "[]"
			}
			if got := listing(t, s.upper); got != want {
				t.Errorf("the upper layer has %s, want %s", got, want)
			}
		})
	}
}

func replaceDir(value, dir string) string { return strings.Replace(value, "DIR", dir, 1) }
