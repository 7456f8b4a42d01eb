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
