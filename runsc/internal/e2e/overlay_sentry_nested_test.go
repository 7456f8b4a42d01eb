package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func tmpfsAt(destination string) harness.Option {
	return harness.RawMount(specs.Mount{Destination: destination, Type: "tmpfs", Source: "tmpfs"})
}

// linkedTo makes a symbolic link in the image to a directory of it.
func linkedTo(directory, name string) harness.Option {
	return func(b *harness.Bundle) error {
		return errors.Join(os.MkdirAll(filepath.Join(b.Rootfs(), directory), 0o755), os.Symlink(directory, filepath.Join(b.Rootfs(), name)))
	}
}

// atDestination changes the destination of the mount before.
func atDestination(destination string) harness.Option {
	return func(b *harness.Bundle) error {
		b.Spec.Mounts[len(b.Spec.Mounts)-1].Destination = destination
		return nil
	}
}

// nestedCase is a bundle with overlays of the sentry among other mounts.
type nestedCase struct {
	opts []harness.Option

	// names are what is in directories, and ops those where all operations work.
	names map[string]string
	ops   []string
	roops []string
}

func nestedCases(t *testing.T, lab *harness.Lab) map[string]nestedCase {
	t.Helper()
	number := 0
	fresh := func(lowers int) stack {
		number++
		return newStack(t, lab, fmt.Sprint(number), lowers)
	}
	one := func() stack {
		s := fresh(2)
		err := errors.Join(os.MkdirAll(filepath.Join(s.lowers[1], "dir/below"), 0o755), os.Mkdir(filepath.Join(s.lowers[1], "real"), 0o755),
			os.Symlink("real", filepath.Join(s.lowers[0], "link")))
		if err != nil {
			t.Fatal(err)
		}
		layText(t, filepath.Join(s.lowers[1], "dir/low"), "low")
		return s
	}
	in := func(opts ...harness.Option) []harness.Option {
		return append([]harness.Option{one().at("/ov", bySentry)}, opts...)
	}
	proc := harness.RawMount(specs.Mount{Destination: "/ov/proc", Type: "proc", Source: "proc"})
	return map[string]nestedCase{
		"bind": {in(harness.Mount("/ov/sub")), map[string]string{"/ov/sub": `[]`}, []string{"/ov", "/ov/sub"}, nil},
		"bind of a file": {in(harness.FileMount("/ov/dir/file", "x")), map[string]string{"/ov/dir": `["below","file","low"]`},
			[]string{"/ov", "/ov/dir"}, nil},
		"read-only bind": {in(harness.Mount("/ov/dir", "ro")), map[string]string{"/ov/dir": `[]`}, []string{"/ov"}, []string{"/ov/dir"}},
		"tmpfs":          {in(tmpfsAt("/ov/t/t")), map[string]string{"/ov/t": `["t"]`, "/ov/t/t": `[]`}, []string{"/ov", "/ov/t/t"}, nil},
		"proc":           {in(proc), nil, []string{"/ov"}, nil},
		"bind by a link of a layer": {in(harness.Mount("/ov/link/sub")), map[string]string{"/ov/real": `["sub"]`},
			[]string{"/ov", "/ov/real/sub"}, nil},
		"overlay":        {in(fresh(1).at("/ov/dir", bySentry)), map[string]string{"/ov/dir": `["file","in-lower0"]`}, []string{"/ov", "/ov/dir"}, nil},
		"host's overlay": {in(fresh(1).at("/ov/dir")), map[string]string{"/ov/dir": `["file","in-lower0"]`}, []string{"/ov", "/ov/dir"}, nil},
		"in a tmpfs":     {[]harness.Option{tmpfsAt("/t"), one().at("/t/in", bySentry)}, map[string]string{"/t": `["in"]`}, []string{"/t", "/t/in"}, nil},
		"three deep": {in(fresh(1).at("/ov/dir/below", bySentry), fresh(2).at("/ov/dir/below/three", bySentry), harness.Mount("/ov/dir/below/three/bind")),
			map[string]string{"/ov/dir": `["below","low"]`, "/ov/dir/below": `["file","in-lower0","three"]`, "/ov/dir/below/three": `["bind","file","in-lower0","in-lower1"]`},
			[]string{"/ov", "/ov/dir/below", "/ov/dir/below/three", "/ov/dir/below/three/bind"}, nil},
		"two":              {in(fresh(1).at("/ow", bySentry)), map[string]string{"/ow": `["file","in-lower0"]`}, []string{"/ov", "/ow"}, nil},
		"read-only rootfs": {[]harness.Option{harness.ReadonlyRoot(), one().at("/x/y/ov", bySentry)}, nil, []string{"/x/y/ov"}, nil},
		"read-only":        {[]harness.Option{one().at("/ov", bySentry, "ro"), harness.Mount("/ov/new")}, map[string]string{"/ov/new": `[]`}, []string{"/ov/new"}, []string{"/ov"}},
		"no upper": {[]harness.Option{one().readOnly().at("/ov", bySentry), harness.Mount("/ov/dir")}, map[string]string{"/ov/dir": `[]`},
			[]string{"/ov/dir"}, []string{"/ov"}},
		"attributes": {[]harness.Option{one().at("/ov", bySentry, "nosuid", "nodev", "noexec")}, nil, []string{"/ov"}, nil},
	}
}

func TestOverlaySentryNested(t *testing.T) {
	for _, flags := range [][]string{{flag(true)}, {flag(false)}, {"--overlay2=none"}, {"--overlay2=root:memory"}} {
		t.Run(strings.Join(flags, ","), func(t *testing.T) {
			lab := newLab(t, flags...)
			for name, c := range nestedCases(t, lab) {
				t.Run(name, func(t *testing.T) { c.check(t, lab, name) })
			}
		})
	}
}

func (n nestedCase) check(t *testing.T, lab *harness.Lab, name string) {
	c := lab.Serve(t, lab.Bundle(t, append(n.opts, harness.Args("serve"))...))
	readReport(t, c)
	for dir, want := range n.names {
		if got := names(t, c, dir); got != want {
			t.Errorf("%s has %s, want %s", dir, got, want)
		}
	}
	for _, dir := range n.ops {
		execGuest(t, c, "ops", dir)
		execGuest(t, c, "try", "unlink", dir+"/kept")
	}
	for _, dir := range n.roops {
		execGuest(t, c, "roops", dir)
	}
	if name == "bind by a link of a layer" { // nobody outside sees where that leads
		res, err := lab.Command(harness.Context(t), "policy", "verify", c.ID)
		if err != nil || strings.Contains(res.Stdout, "DIFFERS") || !strings.Contains(res.Stdout, "UNSEEN   /ov/link/sub access") {
			t.Errorf("verify: %+v, %v", res, err)
		}
	} else {
		checkVerify(t, lab, c)
	}
	stop(t, lab, c)
}

// checkVerify expects no difference, and prints little where it finds something.
func checkVerify(t *testing.T, lab *harness.Lab, c *harness.Container) {
	res, err := lab.Command(harness.Context(t), "policy", "verify", c.ID)
	if err != nil || res.ExitCode == 0 {
		return
	}
	_, differs, _ := strings.Cut(res.Stdout, "DIFFERS")
	t.Errorf("verify: %.300s", differs)
}

// What cannot be is refused, and says what to do.
func TestOverlaySentryRefused(t *testing.T) {
	lab := newLab(t)
	s := newStack(t, lab, "s", 2)
	ov := s.at("/ov", bySentry)
	for name, c := range map[string]struct {
		opts  []harness.Option
		flags []string
		want  string
	}{
		"bind among the layers":   {[]harness.Option{ov, harness.Mount("/ov/.overlay/lower7")}, nil, `mount "/ov/.overlay/lower7": the sandbox needs this place for the layers of the overlay at "/ov"`},
		"tmpfs among the layers":  {[]harness.Option{ov, tmpfsAt("/ov/.overlay")}, nil, `mount "/ov/.overlay": the sandbox needs this place`},
		"tmpfs by a link":         {[]harness.Option{linkedTo("ov", "z"), ov, tmpfsAt("/z/sub")}, nil, `mount "/z/sub" leads to "/ov/sub": a symbolic link leads into an overlay`},
		"tmpfs by a link, before": {[]harness.Option{linkedTo("ov", "z"), tmpfsAt("/z/sub"), ov}, nil, `mount "/z/sub" leads to "/ov/sub": a symbolic link leads into an overlay`},
		"tmpfs by a link, hidden": {[]harness.Option{linkedTo("overlay", "z"), tmpfsAt("/z/s"), s.at("/overlay", bySentry)}, nil, `mount "/z/s" leads to "/overlay/s": a symbolic link leads into an overlay`},
		"by a link":               {[]harness.Option{s.at("/real/ov", bySentry), linkedTo("real", "link"), atDestination("/link/ov")}, nil, "a symbolic link is in the destination of an overlay that the sandbox makes"},
		"in a bind":               {[]harness.Option{harness.Mount("/a"), s.at("/a/in", bySentry)}, nil, `mount "/a/in" is in mount "/a": the sandbox makes no overlay in another mount`},
		"in the host's overlay":   {[]harness.Option{newStack(t, lab, "host", 2).at("/ow"), s.at("/ow/in", bySentry)}, nil, `mount "/ow/in" is in mount "/ow": the sandbox makes no overlay in another mount`},
		"bind by a link":          {[]harness.Option{linkedTo("ov", "z"), ov, harness.Mount("/a"), atDestination("/z/sub")}, nil, `mount "/z/sub" leads to "/ov/sub": a symbolic link leads into an overlay`},
		"overlay of all mounts":   {[]harness.Option{ov}, []string{"--overlay2=all:memory"}, `--overlay2=all puts an overlay of its own over each layer`},
		"overlay of all, in self": {[]harness.Option{ov}, []string{"--overlay2=all:self"}, `--overlay2=all puts an overlay of its own over each layer`},
		"the root":                {[]harness.Option{ov, atDestination("/")}, nil, `mount "/"`},
		"at /proc":                {[]harness.Option{ov, atDestination("/proc")}, nil, `mount "/proc"`},
	} {
		t.Run(name, func(t *testing.T) {
			id := lab.ID()
			b := lab.Bundle(t, append(c.opts, harness.Args("ops", "/ov"))...)
			res, err := lab.With(c.flags...).Run(harness.Context(t), id, b)
			if err != nil || res.ExitCode != 128 || !strings.Contains(res.Stderr, c.want) {
				t.Errorf("%+v, %v, want %s", res, err, c.want)
			}
			lab.CheckGone(t, id)
			s.checkUnlocked(t)
		})
	}
	t.Run("destination is a file", func(t *testing.T) {
		b := lab.Bundle(t, s.at("/plain", bySentry), harness.Args("ops", "/plain"))
		if err := errors.Join(os.Remove(filepath.Join(b.Rootfs(), "plain")), os.WriteFile(filepath.Join(b.Rootfs(), "plain"), nil, 0o644)); err != nil {
			t.Fatal(err)
		}
		id := lab.ID()
		res, err := lab.Run(harness.Context(t), id, b)
		if err != nil || res.ExitCode != 128 || !strings.Contains(res.Stderr, `"/plain" is a file and the mount's source is a directory`) {
			t.Errorf("%+v, %v", res, err)
		}
		lab.CheckGone(t, id)
		s.checkUnlocked(t)
	})
	t.Run("a program by its FD", func(t *testing.T) {
		b := lab.Bundle(t, ov, harness.Args("ops", "/ov"))
		res, err := lab.Command(harness.Context(t), "run", "--bundle="+b.Dir, "--exec-fd=1", lab.ID())
		if err != nil || res.ExitCode != 128 || !strings.Contains(res.Stderr, "--exec-fd=1: the container has an overlay that the sentry makes") {
			t.Errorf("%+v, %v", res, err)
		}
		s.checkUnlocked(t)
	})
}
