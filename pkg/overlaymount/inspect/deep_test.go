package inspect

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/directfs/runsc/pkg/overlaymount"
	"golang.org/x/sys/unix"
)

// A mark that the sentry's overlay would not see is found however deep it is, and
// where there is too much to look at, that is known.
func TestDeep(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("trusted attributes take root")
	}
	dir := t.TempDir()
	marked := filepath.Join(dir, "lower", "a", "b", "c")
	other := filepath.Join(dir, "other")
	for _, d := range []string{marked, filepath.Join(dir, "lower", "z"), other} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Setxattr(marked, "trusted.overlay.opaque", []byte("y"), 0); err != nil {
		t.Fatal(err)
	}
	m := overlaymount.Mount{Lower: []string{other, filepath.Join(dir, "lower")}}
	if f := Facts(m, overlaymount.Host); f.Layers[m.Lower[1]].Trusted != "" {
		t.Errorf("the host's driver needs no look: %+v", f)
	}
	f := Facts(m, overlaymount.Sentry)
	if d := f.Layers[m.Lower[1]]; d.Trusted != marked || d.Partly || f.Layers[other].Trusted != "" {
		t.Errorf("%+v", f)
	}
	for i := range 10 {
		if err := os.Mkdir(filepath.Join(other, fmt.Sprint(i)), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for left, partly := range map[int]bool{9: true, 10: false} {
		fd, err := open(unix.AT_FDCWD, other)
		if err != nil {
			t.Fatal(err)
		}
		var d overlaymount.Directory
		d.IsDirectory = true
		r := &Reader{left: left}
		r.deep(&d, fd, overlaymount.Layer{Role: overlaymount.Lower, Path: other})
		unix.Close(fd)
		if d.Partly != partly {
			t.Errorf("%d directories of 10: partly %t", left, d.Partly)
		}
	}
}

// Directories that are deeper than this process may have files open are not taken
// for looked at.
func TestDeeperThanFiles(t *testing.T) {
	dir := t.TempDir()
	deepest, err := open(unix.AT_FDCWD, dir)
	const depth = 300
	for range depth {
		if err == nil {
			err = unix.Mkdirat(deepest, "d", 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
		above := deepest
		deepest, err = unix.Openat(above, "d", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		unix.Close(above)
	}
	unix.Close(deepest)
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	defer unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)
	for files, partly := range map[uint64]bool{depth - 50: true, limit.Cur: false} {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: files, Max: limit.Max}); err != nil {
			t.Fatal(err)
		}
		m := overlaymount.Mount{Lower: []string{dir}}
		if d := Facts(m, overlaymount.Sentry).Layers[dir]; d.Partly != partly {
			t.Errorf("with %d files: partly %t, want %t", files, d.Partly, partly)
		}
	}
}

// What is mounted in a layer is not in the overlay, and nobody looks at it: it can be
// written by another overlay, or on a file system that does not answer.
func TestMountsInLayersAreNotLookedAt(t *testing.T) {
	dir, other := ext4(t), t.TempDir()
	layer := mkdir(t, dir, "layer")
	setxattr(t, mkdir(t, other, "below"), "trusted.overlay.opaque")
	setxattr(t, other, "trusted.overlay.impure")
	mount(t, other, mkdir(t, layer, "mounted"), "", "")
	mount(t, other, mkdir(t, layer, "a/b/mounted"), "", "")
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	for _, l := range []string{layer, link + "/layer"} {
		for _, driver := range []overlaymount.Driver{overlaymount.Host, overlaymount.Sentry} {
			d := Facts(overlaymount.Mount{Lower: []string{l}}, driver).Layers[l]
			if d.Trusted != "" || d.Partly || len(d.Submounts) != 2 {
				t.Errorf("%s, %s: %+v", l, driver, d)
			}
		}
	}
}
