package overlaymount_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/directfs/runsc/pkg/overlaymount"
	"golang.org/x/sys/unix"
)

// This file compares what the package says with what the running kernel does.

// bench is a tmpfs of its own, in a mount namespace of its own, and a place to
// mount overlays.
type bench struct{ dir, target string }

// newBench moves the test to a thread that ends with it, and its mounts too.
func newBench(t *testing.T) bench {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("mounting needs root")
	}
	dir := t.TempDir()
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	b := bench{filepath.Join(dir, "l"), filepath.Join(dir, "target")}
	for _, d := range []string{b.dir, b.target} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// expand writes the directory for each "$".
func (b bench) expand(options []string) []string {
	options = slices.Clone(options)
	for i, o := range options {
		options[i] = strings.ReplaceAll(o, "$", b.dir)
	}
	return options
}

// mount does as runc does: what is not for the file system is not among options.
func (b bench) mount(options []string) error {
	return unix.Mount("overlay", b.target, "overlay", 0, strings.Join(options, ","))
}

type failer interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
	Errorf(string, ...any)
}

// create makes the layers, where each has a file of its own, and one for every
// layer above it that it must not be seen through.
func (b bench) create(t failer, m overlaymount.Mount) {
	t.Helper()
	var merged []string
	if m.Upper != "" {
		merged = append(merged, m.Upper)
	}
	merged = append(merged, m.Lower...)
	b.directories(t, m)
	for i, path := range merged {
		for above := 0; above <= i; above++ {
			if err := os.WriteFile(filepath.Join(path, fmt.Sprint("from", above)), fmt.Append(nil, i), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func (b bench) directories(t failer, m overlaymount.Mount) {
	t.Helper()
	for _, l := range m.Layers() {
		if err := os.MkdirAll(l.Path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// verify is that the overlay has the layers of the mount, in their order.
func (b bench) verify(t failer, m overlaymount.Mount, options []string) {
	t.Helper()
	layers := len(m.Lower)
	if m.Upper != "" {
		layers++
	}
	entries, err := os.ReadDir(b.target)
	if err != nil || len(entries) != layers {
		t.Errorf("%q: %d entries, %v, want %d", options, len(entries), err, layers)
	}
	for i := range layers {
		got, err := os.ReadFile(filepath.Join(b.target, fmt.Sprint("from", i)))
		if err != nil || string(got) != fmt.Sprint(i) {
			t.Errorf("%q: the file of layer %d is that of %q, %v", options, i, got, err)
		}
	}
	if m.Upper == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(b.target, "written"), nil, 0o644); err != nil {
		t.Errorf("%q: %v", options, err)
	}
	if _, err := os.Stat(filepath.Join(m.Upper, "written")); err != nil {
		t.Errorf("%q: what is written does not reach upper: %v", options, err)
	}
	if _, err := os.Stat(filepath.Join(m.Work, "work")); err != nil {
		t.Errorf("%q: the work directory is another one: %v", options, err)
	}
}

func (b bench) unmount(t failer) {
	t.Helper()
	if err := unix.Unmount(b.target, 0); err != nil {
		t.Fatal(err)
	}
}

func (b bench) empty(t failer) {
	t.Helper()
	entries, err := os.ReadDir(b.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(b.dir, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
}

// TestKernelReadsTheSame mounts awkward names, as they are written and as Strings
// writes them.
func TestKernelReadsTheSame(t *testing.T) {
	b := newBench(t)
	for _, options := range [][]string{
		{"lowerdir=$/a:$/b"},
		{"lowerdir=$/a", "upperdir=$/u", "workdir=$/w"},
		{`lowerdir=$/with\:colon:$/with\,comma:$/with\\backslash:$/with space`},
		{`lowerdir=$/\:\:\::$/x\\\\\:`, `upperdir=$/u:\,\\v w`, `workdir=$/w\:\\\,`},
		{"lowerdir=$/ä→\xff:$/\n\t=#", "upperdir=$/ü", "workdir=$/ẅ=x"},
		{`lowerdir=$/needless\escape:$/b`, `upperdir=$/\u`, `workdir=$/\w`},
		{`lowerdir=$/a:$/b\`},
		{"lowerdir=$/a", "workdir=$/w", `upperdir=$/u\`},
		{`lowerdir=$/a:$/the comma behind is escaped\`, "index=off"},
		{`lowerdir+=$/a:b\:c`, `lowerdir+=$/d\,e`, `lowerdir+=$/f\\g`},
		{"lowerdir+=$/a", `lowerdir+=$/at the end\`},
		{`lowerdir=$/a:$/b::$/data\:1`},
		{"lowerdir=$/a:$/b::$/data1::$/data2"},
		{"lowerdir=$/a:$/b,userxattr,index=off", "upperdir=$/u,workdir=$/w"},
		{"lowerdir+=$/gone", "lowerdir=$/a:$/b"},
		{"lowerdir=$/gone", "lowerdir=", "lowerdir+=$/a", "lowerdir+=$/b", "datadir+=$/d:e"},
		{"upperdir=$/gone", "lowerdir=$/a", "upperdir=$/u", "workdir=$/gone", "workdir=$/w"},
		{"", ",,lowerdir=$/a:$/b,", "=skipped"},
		{"lowerdir=$/a:$/b", "sync=whatever"},
	} {
		options = b.expand(options)
		m, _, err := overlaymount.Parse(options)
		if err != nil {
			t.Errorf("%q: %v", options, err)
			continue
		}
		b.empty(t)
		// The kernel looks up what it then forgets.
		if err := os.Mkdir(filepath.Join(b.dir, "gone"), 0o755); err != nil {
			t.Fatal(err)
		}
		b.create(t, m)
		for _, each := range [][]string{options, m.Strings()} {
			if err := b.mount(each); err != nil {
				t.Errorf("%q: %v", each, err)
				continue
			}
			b.verify(t, m, each)
			b.unmount(t)
			os.Remove(filepath.Join(m.Upper, "written"))
		}
	}
}
