package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	"golang.org/x/sys/unix"
)

// tempTo lets commands make their temporary files in the lab, where they are
// looked for.
func tempTo(t *testing.T, lab *harness.Lab) {
	t.Helper()
	dir, err := os.MkdirTemp(lab.Dir, "b-tmp")
	if err != nil {
		t.Fatal(err)
	}
	// The command of an unprivileged user needs it, too.
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	lab.TempDir = dir
}

// doArgs are the arguments of "do" for a bundle's mounts. Its root is a small
// rootfs: with "/", the engine shows another directory than the volume's.
func doArgs(b *harness.Bundle, hints ...string) []string {
	args := []string{"do", "--quiet", "--force-overlay=false", "--root=" + b.Rootfs(), "--cwd=/"}
	for _, d := range b.Binds()[1:] {
		args = append(args, "--volume="+b.Source(d)+":"+d)
	}
	args = append(append(args, hints...), harness.GuestPath, "serve")
	return append(args, b.Binds()...)
}

func TestDo(t *testing.T) {
	for _, rootless := range []bool{false, true} {
		for _, directfs := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s,rootless=%v", flag(directfs), rootless), func(t *testing.T) {
				var lab *harness.Lab
				var opts []harness.Option
				if rootless {
					lab, opts = newRootlessLab(t, flag(directfs)), []harness.Option{harness.OwnedBy(nobodys)}
				} else {
					lab = newLab(t, flag(directfs))
				}
				tempTo(t, lab)
				b := lab.Bundle(t, append(opts, harness.Mount("/a"), harness.Mount("/b"), harness.Mount("/c"))...)
				c, err := lab.Attach(harness.Context(t), b,
					doArgs(b, "--rootfs-directfs=off", "--volume-directfs=/a=on", "--volume-directfs=/b=off")...)
				if err != nil {
					t.Fatal(err)
				}
				checkDo(t, lab, c, access{"/": false, "/a": true, "/b": false, "/c": directfs}, rootless)
			})
		}
	}
}

// checkDo looks at a container that "do" runs, and ends it.
func checkDo(t *testing.T, lab *harness.Lab, c *harness.Attached, want access, rootless bool) {
	t.Helper()
	r := readReport(t, &c.Container)
	checkOps(t, c.Bundle, r)
	checkMountOptions(t, want, r)
	// It keeps its state in a directory of its own.
	roots, err := filepath.Glob(filepath.Join(lab.TempDir, "runsc-do*"))
	if err != nil || len(roots) != 1 {
		t.Fatalf("state directories: %q, %v", roots, err)
	}
	if err := c.Find(roots[0]); err != nil {
		t.Fatal(err)
	}
	if rootless {
		checkRootlessSandbox(t, &c.Container, true, false)
	} else {
		checkPrivileges(t, &c.Container, len(direct(want)) > 0)
	}
	checkHeld(t, &c.Container, direct(want))
	if err := c.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code, err := c.End(harness.Context(t)); err != nil || code != 0 {
		t.Errorf("do: exit code %d, %v: %s", code, err, c.Stderr.Text())
	}
	if left, err := os.ReadDir(lab.TempDir); err != nil || len(left) > 0 {
		t.Errorf("do left %v, %v", left, err)
	}
}

// Without root there is no network but the host's, whatever --network says. The
// capabilities for it are in the bounding set as well.
func TestDoOnHostNetwork(t *testing.T) {
	lab := newRootlessLab(t, flag(true), "--network=sandbox")
	tempTo(t, lab)
	b := lab.Bundle(t, harness.OwnedBy(nobodys))
	c, _ := attachDo(t, lab, b)
	for _, s := range threads(t, c.SandboxPID) {
		if s.Permitted&(1<<unix.CAP_NET_ADMIN) == 0 || s.Bounding != s.Permitted {
			t.Errorf("sandbox: permitted %v, bounding set %v", s.Permitted, s.Bounding)
		}
	}
	if err := c.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code, err := c.End(harness.Context(t)); err != nil || code != 0 {
		t.Errorf("do: exit code %d, %v: %s", code, err, c.Stderr.Text())
	}
}

func TestDoRefuses(t *testing.T) {
	lab := newLab(t)
	b := lab.Bundle(t, harness.Mount("/a"))
	for _, c := range []struct{ hint, message string }{
		{"--volume-directfs=/a=Off", `mount option directfs="Off" (mount "/a"): invalid value` + allowed},
		{"--rootfs-directfs=1", rootKey + `="1" (mount "/"): invalid value` + allowed},
		{"--volume-directfs=/z=on", `--volume-directfs="/z=on" (mount "/z"): hint matches no mount of this container; add --volume SRC:/z`},
	} {
		args := doArgs(b, c.hint)
		checkRefusedBy(t, lab, lab.Runtime, c.message, args...)
	}
	for _, hint := range []string{"/a", "=on", "/a=on,/a=off"} {
		res, err := lab.Command(harness.Context(t), doArgs(b, "--volume-directfs="+hint)...)
		if err != nil || res.ExitCode != 128 || !strings.Contains(res.Stderr, "invalid value") {
			t.Errorf("--volume-directfs=%s: %+v, %v", hint, res, err)
		}
	}
}

// attachDo runs "do" until its guest has reported, and returns it with its state
// directory.
func attachDo(t *testing.T, lab *harness.Lab, b *harness.Bundle) (c *harness.Attached, root string) {
	t.Helper()
	c, err := lab.Attach(harness.Context(t), b, doArgs(b)...)
	if err != nil {
		t.Fatal(err)
	}
	readReport(t, &c.Container)
	roots, err := filepath.Glob(filepath.Join(lab.TempDir, "runsc-do*"))
	if err != nil || len(roots) != 1 {
		t.Fatalf("state directories: %q, %v", roots, err)
	}
	if err := c.Find(roots[0]); err != nil {
		t.Fatal(err)
	}
	return c, roots[0]
}
