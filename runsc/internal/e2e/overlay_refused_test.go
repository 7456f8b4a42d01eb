package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	"golang.org/x/sys/unix"
)

// refusedOverlay is an overlay that no container must get, and why.
type refusedOverlay struct {
	name    string
	opts    []harness.Option
	message string // of the mount /ov, unless it names another
}

// sub makes a directory.
func sub(t *testing.T, parts ...string) string {
	t.Helper()
	dir := filepath.Join(parts...)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func refusedOverlays(t *testing.T, s stack) []refusedOverlay {
	dir, lower := filepath.Dir(s.upper), s.lowers[0]
	dangling := filepath.Join(dir, "dangling")
	if err := os.Symlink("gone", dangling); err != nil {
		t.Fatal(err)
	}
	inLower, work, inUpper := sub(t, lower, "upper"), sub(t, dir, "work2"), sub(t, s.upper, "lower")
	elsewhere := filepath.Join(dir, "disk")
	mountOnHost(t, elsewhere, "file")
	many := make([]string, 501)
	for i := range many {
		many[i] = fmt.Sprintf("/lower%d", i)
	}
	on := func(s stack, more ...string) []harness.Option { return []harness.Option{s.at("/ov", more...)} }
	option := func(option, path, problem string) string {
		return fmt.Sprintf("overlay option %s %q: %s", option, path, problem)
	}
	const missing = "cannot be used: no such file or directory: create it, or look where its symbolic links lead"
	return []refusedOverlay{
		{"relative layer", on(stack{[]string{"lower", lower}, s.upper, s.work}), option("lowerdir", "lower", `is relative to nothing that is certain: write an absolute path, and \: for a colon that belongs to one`)},
		{"relative upper", on(stack{s.lowers, "upper", s.work}), option("upperdir", "upper", "is relative to nothing that is certain: write an absolute path")},
		{"file", on(stack{[]string{lower + "/file"}, s.upper, s.work}), option("lowerdir", lower+"/file", "is not a directory: name a directory")},
		{"upper is a file", on(stack{s.lowers, lower + "/file", s.work}), option("upperdir", lower+"/file", "is not a directory: name a directory")},
		{"missing", on(stack{[]string{dir + "/none"}, s.upper, s.work}), option("lowerdir", dir+"/none", missing)},
		{"missing work", on(stack{s.lowers, s.upper, dir + "/none"}), option("workdir", dir+"/none", missing)},
		{"dangling", on(stack{[]string{dangling}, s.upper, s.work}), option("lowerdir", dangling, missing)},
		{"upper in a lower", on(stack{s.lowers, inLower, work}), option("upperdir", inLower, fmt.Sprintf("is inside lowerdir %q: use directories that are apart", lower))},
		{"lower in the upper", on(stack{[]string{inUpper}, s.upper, s.work}), option("lowerdir", inUpper, fmt.Sprintf("is inside upperdir %q: use directories that are apart", s.upper))},
		{"work on another file system", on(stack{s.lowers, s.upper, elsewhere}), option("workdir", elsewhere, fmt.Sprintf("is on another mount than upperdir %q: use a directory beside the upperdir", s.upper))},
		{"501 lowers", on(stack{many, s.upper, s.work}), "overlay option lowerdir: names 501 layers, more than 500: merge some of them"},
		{"64 KiB", on(s, "x="+strings.Repeat("a", 64<<10)), fmt.Sprintf("overlay: the options have %d bytes, more than 65535: use fewer layers or shorter paths", len(strings.Join(s.options("x="), ","))+64<<10)},
		{"NUL in an option", on(s, "x=a\x00b"), option("x", "a\x00b", "has a NUL byte, where the kernel stops reading: remove it")},
		{"NUL in a layer", on(stack{[]string{"/a\x00b"}, s.upper, s.work}), option("lowerdir", "/a\x00b", "has a NUL byte, where the kernel stops reading: remove it")},
		{"typo", on(s, "xuserattrs"), "overlay option xuserattrs: is no option of an overlay: did you mean userxattr?"},
		{"no layers", on(stack{[]string{""}, "", ""}), "overlay option lowerdir: is missing: name the layers that are only read"},
		{"no work", on(stack{s.lowers, s.upper, ""}), option("workdir", "", "")},
	}
}

// Each is refused by whatever makes a container and by "policy check", before
// anything is mounted, started or written.
func TestOverlayRefused(t *testing.T) {
	lab := newLab(t)
	s := newStack(t, lab, "s", 1)
	for _, r := range refusedOverlays(t, s) {
		t.Run(r.name, func(t *testing.T) {
			message := `mount "/ov": ` + r.message
			if r.name == "no work" {
				message = fmt.Sprintf(`mount "/ov": overlay option workdir: is missing beside upperdir: name an empty directory on the mount of %q`, s.upper)
				r.opts = []harness.Option{stack{s.lowers, "", ""}.at("/ov", "upperdir="+s.upper)}
			}
			refusedEverywhere(t, lab, lab.Runtime, message, r.opts...)
			s.checkUnlocked(t)
		})
	}
	if got := listing(t, s.work); got != "[]" {
		t.Errorf("in the work directory: %s", got)
	}
}

// refusedEverywhere expects a refusal of create, run and "policy check".
func refusedEverywhere(t *testing.T, lab *harness.Lab, r *harness.Runtime, message string, opts ...harness.Option) {
	t.Helper()
	b := lab.Bundle(t, append(opts, harness.Args("serve"))...)
	checkRefusedBy(t, lab, r, message, "create", "--bundle="+b.Dir)
	checkRefusedBy(t, lab, r, message, "run", "--bundle="+b.Dir)
	res, err := r.Command(harness.Context(t), "policy", "check", "--bundle="+b.Dir)
	if err != nil || res.ExitCode != 1 || res.Stderr != "policy check: "+message+"\n" {
		t.Errorf("policy check: %+v, %v, want %s", res, err, message)
	}
}

// What the kernel alone knows is in its words.
func TestOverlayRefusedByKernel(t *testing.T) {
	lab := newLab(t)
	s := newStack(t, lab, "s", 1)
	b := lab.Bundle(t, s.at("/ov", "zorkmid=1"), harness.Args("serve"))
	const message = `mount "/ov": overlay option zorkmid: is no option of an overlay on this kernel: remove it: the kernel says "overlay: Unknown parameter 'zorkmid'": option zorkmid="1": invalid argument`
	checkRefusedBy(t, lab, lab.Runtime, message, "create", "--bundle="+b.Dir)
	checkRefusedBy(t, lab, lab.Runtime, message, "run", "--bundle="+b.Dir)
	s.checkUnlocked(t)
}

// The kernel mounts an overlay read-only if it cannot use the work directory, and says
// nothing.
func TestOverlayWorkThatCannotBeUsed(t *testing.T) {
	lab := newLab(t)
	s := newStack(t, lab, "s", 1)
	dir, err := os.Open(s.work)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	immutable := func(set int) {
		if err := unix.IoctlSetPointerInt(int(dir.Fd()), unix.FS_IOC_SETFLAGS, set); err != nil {
			t.Fatal(err)
		}
	}
	immutable(unix.STATX_ATTR_IMMUTABLE)
	defer immutable(0)
	message := fmt.Sprintf(`mount "/ov": overlay option workdir %q: cannot be used by the kernel, which mounted the overlay read-only: name an empty directory on the same mount`, s.work)
	checkRefusedBy(t, lab, lab.Runtime, message, "create", "--bundle="+lab.Bundle(t, s.at("/ov"), harness.Args("serve")).Dir)
	s.checkUnlocked(t)
}

// Directories that are exchanged while a container is created are noticed: it has
// those that were decided about, or is refused.
func TestOverlayLayersExchanged(t *testing.T) {
	for name, exchanged := range map[string]func(s stack) string{
		"lower": func(s stack) string { return s.lowers[0] },
		"upper": func(s stack) string { return s.upper },
		"work":  func(s stack) string { return s.work },
		"above": func(s stack) string { return filepath.Dir(s.upper) },
	} {
		t.Run(name, func(t *testing.T) {
			lab := newLab(t)
			s := stackIn(t, filepath.Join(volume(lab, "s"), "in"), 1)
			path := exchanged(s)
			other := path + ".other"
			if err := os.CopyFS(other, os.DirFS(path)); err != nil {
				t.Fatal(err)
			}
			for range 200 {
				noticed := createExchanged(t, lab, s, path, other)
				s.checkUnlocked(t)
				if noticed {
					return
				}
			}
			t.Error("no exchange was in time")
		})
	}
}

// createExchanged creates a container while two directories are exchanged all the
// time, and reports whether that was noticed.
func createExchanged(t *testing.T, lab *harness.Lab, s stack, one, other string) bool {
	t.Helper()
	stop := exchangeNames(t, one, other)
	id := lab.ID()
	c, err := lab.Create(harness.Context(t), id, lab.Bundle(t, s.at("/ov"), harness.Args("serve")))
	stop()
	if err == nil {
		remove(t, lab, c)
		return false
	}
	var refused *harness.RefusedError
	if !errors.As(err, &refused) || !strings.Contains(refused.Stderr, "replaced by another directory") {
		t.Errorf("refused by %v", err)
	}
	lab.CheckGone(t, id)
	return true
}

// exchangeNames exchanges two names all the time, until it is told to stop.
func exchangeNames(t *testing.T, one, other string) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(harness.Context(t))
	done := make(chan error, 1)
	go func() {
		var err error
		for ctx.Err() == nil && err == nil {
			err = unix.Renameat2(unix.AT_FDCWD, one, unix.AT_FDCWD, other, unix.RENAME_EXCHANGE)
		}
		done <- err
	}()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
}

// A symbolic link that leads to a good layer and to one that is refused, in turns,
// does not get the other one in.
func TestOverlayLinksExchanged(t *testing.T) {
	lab := newLab(t)
	s, bad := newStack(t, lab, "s", 1), newStack(t, lab, "bad", 1)
	layText(t, bad.lowers[0]+"/file", "bad")
	if err := unix.Setxattr(bad.lowers[0], "user.overlay.opaque", []byte("y"), 0); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(volume(lab, "s"), "link")
	for name, target := range map[string]string{link: s.lowers[0], link + ".other": bad.lowers[0]} {
		if err := os.Symlink(target, name); err != nil {
			t.Fatal(err)
		}
	}
	b := lab.Bundle(t, stack{[]string{link}, s.upper, s.work}.at("/ov"), harness.Args("cat", "/ov/file"))
	ended := map[string]int{}
	for range 30 {
		stop := exchangeNames(t, link, link+".other")
		res, err := lab.Run(harness.Context(t), lab.ID(), b)
		stop()
		switch {
		case err == nil && res.ExitCode == 0 && res.Stdout == "lower":
			ended["mounted"]++
		case err == nil && strings.Contains(res.Stderr, "replaced by another directory"):
			ended["changed"]++
		case err == nil && strings.Contains(res.Stderr, "carries user.overlay.* attributes"):
			ended["refused"]++
		default:
			t.Fatalf("%+v, %v", res, err)
		}
	}
	t.Log(ended)
}
