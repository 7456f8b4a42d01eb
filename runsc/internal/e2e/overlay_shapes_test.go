package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// shape is a bundle with overlays at places, and what a container sees there.
type shape struct {
	name   string
	opts   []harness.Option
	stacks map[string]stack

	// names are what is in the mounts, and readOnly those where EROFS answers.
	names    map[string]string
	readOnly []string
}

func shapes(t *testing.T, lab *harness.Lab) []shape {
	one, two, low := newStack(t, lab, "one", 3), newStack(t, lab, "two", 1), newStack(t, lab, "low", 3).readOnly()
	const three = `["file","in-lower0","in-lower1","in-lower2"]`
	// The bundle's own mount point is below the link's target.
	linked := func(target string) harness.Option {
		return func(b *harness.Bundle) error {
			b.Spec.Mounts[len(b.Spec.Mounts)-1].Destination = "/link/ov"
			return errors.Join(os.MkdirAll(filepath.Join(b.Rootfs(), "real/ov"), 0o755), os.Symlink(target, filepath.Join(b.Rootfs(), "link")))
		}
	}
	only := func(s stack, destination, names string) (map[string]stack, map[string]string) {
		return map[string]stack{destination: s}, map[string]string{destination: names}
	}
	var all []shape
	add := func(name string, s stack, destination, names string, readOnly []string, opts ...harness.Option) {
		stacks, seen := only(s, destination, names)
		all = append(all, shape{name, opts, stacks, seen, readOnly})
	}
	add("several lowers", one, "/ov", three, nil, one.at("/ov"))
	add("no upper", low, "/ov", three, []string{"/ov"}, low.at("/ov"))
	add("no upper, rw", low, "/ov", three, []string{"/ov"}, low.at("/ov", "rw"))
	add("ro", one, "/ov", three, []string{"/ov"}, one.at("/ov", "ro"))
	add("deep destination", one, "/x/y/ov", three, nil, one.at("/x/y/ov"))
	add("symbolic link", one, "/real/ov", three, nil, one.at("/real/ov"), linked("real"))
	for _, source := range []string{"", "none", "/nonexistent", `../x y:,"`} {
		m := specs.Mount{Destination: "/ov", Type: "overlay", Source: source, Options: one.options()}
		add("source "+source, one, "/ov", three, nil, harness.RawMount(m))
	}
	return append(all,
		shape{"two overlays", []harness.Option{one.at("/ov"), two.at("/ow")}, map[string]stack{"/ov": one, "/ow": two},
			map[string]string{"/ov": three, "/ow": `["file","in-lower0"]`}, nil},
		shape{"bind below", []harness.Option{two.at("/ov"), harness.Mount("/ov/sub")}, map[string]stack{"/ov": two},
			map[string]string{"/ov": `["file","in-lower0","sub"]`, "/ov/sub": `[]`}, nil},
		shape{"below a bind", []harness.Option{harness.Mount("/a"), one.at("/a/ov")}, map[string]stack{"/a/ov": one},
			map[string]string{"/a": `["ov"]`, "/a/ov": three}, nil},
		shape{"below another", []harness.Option{two.at("/ov"), one.at("/ov/sub"), low.at("/ov/sub/low")}, map[string]stack{"/ov": two, "/ov/sub": one, "/ov/sub/low": low},
			map[string]string{"/ov": `["file","in-lower0","sub"]`, "/ov/sub": `["file","in-lower0","in-lower1","in-lower2","low"]`, "/ov/sub/low": three}, []string{"/ov/sub/low"}},
	)
}

func TestOverlayShapes(t *testing.T) {
	for _, directfs := range []bool{true, false} {
		t.Run(flag(directfs), func(t *testing.T) {
			lab := newLab(t, flag(directfs))
			for _, s := range shapes(t, lab) {
				t.Run(s.name, func(t *testing.T) { s.check(t, lab, directfs) })
			}
		})
	}
}

func (s shape) check(t *testing.T, lab *harness.Lab, directfs bool) {
	b := lab.Bundle(t, append(s.opts, harness.Args("serve"))...)
	want := access{}
	for _, d := range b.Binds() {
		want[d] = directfs
	}
	for d := range s.stacks {
		want[d] = directfs
	}
	c := lab.Serve(t, b)
	r := readReport(t, c)
	checkMountOptions(t, want, r)
	checkOverlays(t, c, want, s.stacks)
	checkPrivileges(t, c, directfs)
	checkFilters(t, c)
	for d, n := range s.names {
		if got := names(t, c, d); got != n {
			t.Errorf("%s has %s, want %s", d, got, n)
		}
	}
	for d := range s.stacks {
		if slices.Contains(s.readOnly, d) {
			execGuest(t, c, "roops", d)
			continue
		}
		execGuest(t, c, "ops", d)
		res, err := c.Exec(harness.Context(t), "try", "unlink", d+"/kept")
		if err != nil || res.Err() != nil {
			t.Errorf("%s: %+v, %v", d, res, err)
		}
	}
	stop(t, lab, c)
	for _, stack := range s.stacks {
		if stack.upper != "" {
			stack.checkUnlocked(t)
		}
		for _, l := range stack.layers() {
			if left := overlaysWith(t, l); len(left) > 0 {
				t.Errorf("still mounted: %q", left)
			}
		}
	}
}

// What an overlay's options say of the mount is true of the mount that the gofer
// serves, and for the container, as for a bind mount. Set-user-ID bits and device
// nodes are the container's: they never count for the gofer.
func TestOverlayAttributes(t *testing.T) {
	for _, directfs := range []bool{true, false} {
		t.Run(flag(directfs), func(t *testing.T) {
			lab := newLab(t, flag(directfs))
			s := newStack(t, lab, "s", 1)
			copyGuest(t, lab, filepath.Join(s.lowers[0], "program"))
			for options, want := range map[string]int64{
				"":                    0,
				"nosuid,nodev":        0,
				"noexec":              unix.ST_NOEXEC,
				"ro":                  unix.ST_RDONLY,
				"nosuid,noexec,nodev": unix.ST_NOEXEC,
				"rslave":              0,
				"rprivate,dev,suid":   0,
			} {
				var opts []string
				if options != "" {
					opts = strings.Split(options, ",")
				}
				c := lab.Serve(t, lab.Bundle(t, s.at("/ov", opts...), harness.Mount("/a", append(opts, "bind")...), harness.Args("serve")))
				r := readReport(t, c)
				ov, _ := r.Mount("/ov")
				a, _ := r.Mount("/a")
				for _, o := range []string{"ro", "nosuid", "noexec", "nodev"} {
					if ov.Has(o) != a.Has(o) {
						t.Errorf("%q: the overlay has %s: %v, a bind mount has it: %v", options, o, ov.Has(o), a.Has(o))
					}
				}
				checkAttributes(t, c, s, want|unix.ST_NOSUID|unix.ST_NODEV)
				checkExec(t, lab, c, "/ov/program", want&unix.ST_NOEXEC == 0)
				stop(t, lab, c)
			}
		})
	}
}

// checkAttributes looks at the overlay by the FDs that the gofer has of it.
func checkAttributes(t *testing.T, c *harness.Container, s stack, want int64) {
	t.Helper()
	dirs, err := harness.DirFDs(c.GoferPID)
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, d := range dirs {
		st := statfsOf(t, c.GoferPID, d.FD)
		if st.Type != unix.OVERLAYFS_SUPER_MAGIC || d.Ino != rootOf(t, s) {
			continue
		}
		found = true
		const all = unix.ST_NOSUID | unix.ST_NODEV | unix.ST_NOEXEC | unix.ST_RDONLY
		if got := st.Flags & all; got != want {
			t.Errorf("FD %d of the gofer has flags %#x, want %#x", d.FD, got, want)
		}
	}
	if !found {
		t.Errorf("the gofer has no overlay: %+v", dirs)
	}
}

// copyGuest makes a copy of the guest program.
func copyGuest(t *testing.T, lab *harness.Lab, to string) {
	t.Helper()
	program, err := os.ReadFile(filepath.Join(lab.Bundle(t).Rootfs(), harness.GuestPath))
	if err == nil {
		err = os.WriteFile(to, program, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// checkExec runs the guest program by another name.
func checkExec(t *testing.T, lab *harness.Lab, c *harness.Container, program string, ok bool) {
	t.Helper()
	res, err := lab.Command(harness.Context(t), "exec", c.ID, program, "exit", "7")
	if err != nil || (res.ExitCode == 7) != ok {
		t.Errorf("running %s: %+v, %v", program, res, err)
	}
}
