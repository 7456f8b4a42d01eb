package overlaymount_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/directfs/runsc/pkg/overlaymount"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// TestKernelAgrees mounts what is drawn: what has no finding must mount, with the
// layers that were parsed, and what Parse or Check refuse the kernel must refuse.
func TestKernelAgrees(t *testing.T) {
	b := newBench(t)
	mounted, refused := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		b.empty(t)
		options := b.expand(drawOptions(t))
		m, _, err := overlaymount.Parse(options)
		if err != nil {
			if slices.Contains(codesOf(err), overlaymount.CodeRelative) {
				return // The kernel starts at the working directory.
			}
			refused++
			b.refuses(t, options, err)
			return
		}
		// The kernel looks up what a later option replaces.
		for _, o := range options {
			replaced, _, _ := overlaymount.Parse([]string{o})
			b.directories(t, replaced)
		}
		b.create(t, m)
		if err := b.reasons(m); err != nil {
			refused++
			b.refuses(t, options, err)
			return
		}
		if err := b.mount(options); err != nil {
			t.Fatalf("%q: nothing found, and the kernel says %v", options, err)
		}
		mounted++
		b.verify(t, m, options)
		b.unmount(t)
	})
	if mounted == 0 || refused == 0 {
		t.Errorf("%d overlays mounted, %d refused", mounted, refused)
	}
}

// reasons are the findings of Check, and options that nobody knows.
func (b bench) reasons(m overlaymount.Mount) error {
	var all []error
	for _, f := range overlaymount.Check(m, look(m), overlaymount.Host) {
		if !f.Warning {
			all = append(all, f)
		}
	}
	for _, o := range m.Options {
		if _, ok := overlaymount.Since(o.Key); !ok {
			all = append(all, fmt.Errorf("unknown option %q", o))
		}
	}
	return errors.Join(all...)
}

func (b bench) refuses(t failer, options []string, why error) {
	t.Helper()
	if err := b.mount(options); err == nil {
		b.unmount(t)
		t.Fatalf("%q: the kernel mounts it, and here: %v", options, why)
	}
}

func codesOf(err error) (all []overlaymount.Code) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			var f *overlaymount.Finding
			if errors.As(e, &f) {
				all = append(all, f.Code)
			}
		}
	}
	return all
}

func drawOptions(t *rapid.T) (options []string) {
	piece := rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f", `\:`, `\,`, `\\`, " ", "ä", "=", `\g`})
	name := rapid.Map(rapid.SliceOfN(piece, 1, 4), func(s []string) string { return "$/" + strings.Join(s, "") })
	list := func(label string) string {
		var s strings.Builder
		for i, n := range rapid.SliceOfN(name, 1, 4).Draw(t, label) {
			if i > 0 {
				s.WriteString(rapid.SampledFrom([]string{":", ":", ":", ":", ":", "::", ":::"}).Draw(t, "colons"))
			}
			s.WriteString(n)
		}
		return s.String() + rapid.SampledFrom([]string{"", "", "", "", "", "", "", ":", `\`}).Draw(t, "end")
	}
	if rapid.Bool().Draw(t, "one by one") {
		for range rapid.IntRange(1, 3).Draw(t, "layers") {
			options = append(options, rapid.SampledFrom([]string{"lowerdir+=", "lowerdir+=", "datadir+="}).Draw(t, "key")+name.Draw(t, "layer"))
		}
	}
	if len(options) == 0 || rapid.IntRange(0, 4).Draw(t, "both") == 0 {
		options = append(options, "lowerdir="+list("lower"))
	}
	if rapid.Bool().Draw(t, "writable") {
		options = append(options, "upperdir="+name.Draw(t, "upper"), "workdir="+name.Draw(t, "work"))
	}
	more := []string{
		"userxattr", "index=off", "index=on", "nfs_export=on", "metacopy=on", "metacopy=off", "redirect_dir=on", "redirect_dir=follow",
		"redirect_dir=nofollow", "xino=auto", "verity=on", "uuid=null", "odd", "nosuid,", "index=maybe", "userxattr=", "index",
	}
	if n := rapid.IntRange(0, 5).Draw(t, "more"); n < 3 {
		options = append(options, rapid.SliceOfN(rapid.SampledFrom(more), 0, n).Draw(t, "options")...)
	}
	return rapid.Permutation(options).Draw(t, "order")
}

// look is what Check wants to know of layers on one file system.
func look(m overlaymount.Mount) overlaymount.Facts {
	f := overlaymount.Facts{Known: true, Layers: map[string]overlaymount.Directory{}}
	for _, l := range m.Layers() {
		id, isDirectory, err := identity(l.Path)
		d := overlaymount.Directory{Err: err, Identity: id, IsDirectory: isDirectory, MountID: 1, Filesystem: "tmpfs", Writable: true}
		for p := filepath.Dir(filepath.Clean(l.Path)); err == nil && p != "/"; p = filepath.Dir(p) {
			above, _, _ := identity(p)
			d.Above = append(d.Above, above)
		}
		f.Layers[l.Path] = d
	}
	return f
}

func identity(path string) (id overlaymount.Identity, isDirectory bool, err error) {
	var s unix.Stat_t
	err = unix.Stat(path, &s)
	return overlaymount.Identity{Device: s.Dev, Inode: s.Ino}, s.Mode&unix.S_IFMT == unix.S_IFDIR, err
}
