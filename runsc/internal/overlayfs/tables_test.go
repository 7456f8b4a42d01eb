package overlayfs_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/directfs/runsc/pkg/overlaymount"
	"github.com/directfs/runsc/runsc/harness/filesystems"
)

func mkdir(t testing.TB, parts ...string) string {
	t.Helper()
	dir := filepath.Join(parts...)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

var userxattr = []overlaymount.Option{{Key: "userxattr"}}

func TestX(t *testing.T) {
	for _, kind := range filesystems.Kinds {
		lower := fill(t, t.TempDir())
		if kind != filesystems.Squashfs && kind != filesystems.EROFS {
			for _, user := range []bool{false, true} {
				up := filesystems.New(t, kind, filesystems.Options{})
				l := newKernelLog(t)
				m := overlaymount.Mount{Lower: []string{lower}, Upper: mkdir(t, up, "u"), Work: mkdir(t, up, "w")}
				var o outcome
				if user {
					m.Options = userxattr
					o = trial{m}.playAsUser(t)
				} else {
					o = trial{m}.play()
				}
				t.Logf("upper %s %v: %q %q %s %q\n%s\n", kind, user, o.Mount, o.Log, o.used(), o.Entries, l.read(t))
			}
		}
		for _, user := range []bool{false, true} {
			low := filesystems.New(t, kind, filesystems.Options{Content: lower})
			if _, err := os.Stat(low + "/written"); err != nil {
				fill(t, low)
			}
			up := t.TempDir()
			l := newKernelLog(t)
			m := overlaymount.Mount{Lower: []string{low}, Upper: mkdir(t, up, "u"), Work: mkdir(t, up, "w")}
			var o outcome
			if user {
				m.Options = userxattr
				o = trial{m}.playAsUser(t)
			} else {
				o = trial{m}.play()
			}
			t.Logf("lower %s %v: %q %q %s %q\n%s\n", kind, user, o.Mount, o.Log, o.used(), o.Entries, l.read(t))
		}
	}
}
