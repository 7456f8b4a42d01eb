package overlaymount_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/directfs/runsc/pkg/overlaymount"
	"golang.org/x/sys/unix"
)

// make makes directories of the bench.
func (b bench) make(t *testing.T, names ...string) {
	t.Helper()
	for _, n := range names {
		if err := os.MkdirAll(filepath.Join(b.dir, n), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// mountAt mounts in a directory of the bench, until the test ends.
func (b bench) mountAt(t *testing.T, name, filesystem string, flags uintptr, options string) {
	t.Helper()
	b.make(t, name)
	at := filepath.Join(b.dir, name)
	if err := unix.Mount(filesystem, at, filesystem, flags, b.expand([]string{options})[0]); err != nil {
		t.Fatalf("%s at %s: %v", filesystem, name, err)
	}
	t.Cleanup(func() { _ = unix.Unmount(at, unix.MNT_DETACH) })
}

// TestKernelRefusesWhatFactsTell mounts on file systems that cannot be layers, or
// where other overlays are. What the facts say is by hand.
func TestKernelRefusesWhatFactsTell(t *testing.T) {
	b := newBench(t)
	b.make(t, "a", "b", "c", "u", "w", "u1", "w1", "u2", "w2", "vu", "vw")
	b.mountAt(t, "one", "overlay", 0, "lowerdir=$/a,upperdir=$/u1,workdir=$/w1")
	b.make(t, "one/u", "one/w")
	b.mountAt(t, "two", "overlay", 0, "lowerdir=$/one:$/b")
	b.mountAt(t, "other", "tmpfs", 0, "")
	b.make(t, "other/w")
	b.mountAt(t, "readonly", "tmpfs", unix.MS_RDONLY, "")
	if err := unix.Mount("overlay", b.target, "overlay", 0, b.expand([]string{"lowerdir=$/a,upperdir=$/vu,workdir=$/vw,volatile"})[0]); err != nil {
		t.Fatal(err)
	}
	b.unmount(t)

	type edit = map[string]func(*overlaymount.Directory)
	inUse, _, err := identity(filepath.Join(b.dir, "u1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, options string
		facts         edit
		mounted       []overlaymount.Mounted
		code          overlaymount.Code
	}{
		{
			"upper on overlay", "lowerdir=$/c,upperdir=$/one/u,workdir=$/one/w",
			edit{"one/u": func(d *overlaymount.Directory) { d.Filesystem, d.StackedOn = "overlay", 1 }}, nil, overlaymount.CodeUpperFilesystem,
		},
		{
			"ignored work on overlay", "lowerdir=$/c:$/b,workdir=$/one/w",
			edit{"one/w": func(d *overlaymount.Directory) { d.Filesystem, d.StackedOn = "overlay", 1 }}, nil, overlaymount.CodeUpperFilesystem,
		},
		{
			"too deep", "lowerdir=$/c:$/two",
			edit{"two": func(d *overlaymount.Directory) { d.Filesystem, d.StackedOn = "overlay", 2 }}, nil, overlaymount.CodeDepth,
		},
		{
			"too deep data", "lowerdir=$/c::$/two",
			edit{"two": func(d *overlaymount.Directory) { d.Filesystem, d.StackedOn = "overlay", 2 }}, nil, overlaymount.CodeDepth,
		},
		{
			"work on another mount", "lowerdir=$/a,upperdir=$/u,workdir=$/other/w",
			edit{"other/w": func(d *overlaymount.Directory) { d.MountID = 2 }}, nil, overlaymount.CodeMounts,
		},
		{
			"read-only upper", "lowerdir=$/a,upperdir=$/readonly,workdir=$/w",
			edit{"readonly": func(d *overlaymount.Directory) { d.ReadOnly = true }}, nil, overlaymount.CodeReadOnly,
		},
		{
			"volatile left behind", "lowerdir=$/a,upperdir=$/vu,workdir=$/vw",
			edit{"vw": func(d *overlaymount.Directory) { d.Volatile = filepath.Join(b.dir, "vw/work/incompat/volatile") }}, nil, overlaymount.CodeVolatile,
		},
		{
			"lower in use, with index", "lowerdir=$/u1,upperdir=$/u2,workdir=$/w2,index=on", nil,
			[]overlaymount.Mounted{{Mountpoint: "/one", Upper: inUse}}, overlaymount.CodeInUse,
		},
	} {
		m, _, err := overlaymount.Parse(b.expand([]string{c.options}))
		if err != nil {
			t.Fatal(err)
		}
		facts := look(m)
		facts.Mounted = c.mounted
		for name, change := range c.facts {
			d := facts.Layers[filepath.Join(b.dir, name)]
			change(&d)
			facts.Layers[filepath.Join(b.dir, name)] = d
		}
		log, err := fsmount(m)
		if err == nil {
			t.Errorf("%s: the kernel mounts it", c.name)
			continue
		}
		err = overlaymount.Explain(m, facts, err, log)
		var f *overlaymount.Finding
		if !errors.As(err, &f) || f.Code != c.code || f.Warning {
			t.Errorf("%s: %v", c.name, err)
		}
		t.Logf("%s: %v", c.name, err)
	}
}

// TestKernelBreaksOnRamfs: an upper layer there mounts, and what is renamed later
// fails, so its finding is an error.
func TestKernelBreaksOnRamfs(t *testing.T) {
	b := newBench(t)
	b.make(t, "a/dir")
	b.mountAt(t, "ramfs", "ramfs", 0, "")
	b.make(t, "ramfs/u", "ramfs/w")
	if err := os.WriteFile(filepath.Join(b.dir, "a/file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := b.mount(b.expand([]string{"lowerdir=$/a", "upperdir=$/ramfs/u", "workdir=$/ramfs/w"})); err != nil {
		t.Fatal(err)
	}
	defer b.unmount(t)
	if err := os.Rename(filepath.Join(b.target, "file"), filepath.Join(b.target, "moved")); err == nil {
		t.Error("a file of the lower layer can be renamed")
	}
	if overlaymount.UpperSupport("ramfs") != overlaymount.SupportBad {
		t.Error("ramfs is not bad")
	}
}
