package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/directfs/runsc/pkg/volume/blob/internal/volumed/settings"
	"golang.org/x/sys/unix"
)

// A directory of the host is a store in which somebody else makes links: they lead
// the container nowhere.
func TestDirectory(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	l := newLab(t, change(func(v *settings.Volume) { v.URL, v.EnvFile = "file://"+dir, "" }))
	check(t, os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o600))
	steps := []struct{ step, want string }{
		{"mkdir /v/dir", "ok"}, {"list /v/dir", ""}, {"open f create /v/dir/file", "ok"}, {"write f text", "ok"}, {"close f", "ok"},
		{"list /v", "dir"}, {"cat /v/link", "ENOENT"}, {"cat /v/out/secret", "ENOENT"}, {"cat /v/fifo", "ENOENT"},
		{"open f create /v/link", "ok"}, {"write f text", "ok"}, {"close f", "ESTALE"}, {"mkdir /v/out/new", "ENOENT"},
		{"rename /v/dir/file /v/dir/other", "ok"}, {"cat /v/dir/other", "text"}, {"remove /v/dir/other", "ok"}, {"remove /v/dir", "ok"},
		{"open f create /v/dir", "ok"}, {"write f file", "ok"}, {"close f", "ok"}, {"end /v", "ok"},
	}
	var all []string
	for _, s := range steps {
		all = append(all, s.step)
	}
	check(t, os.Symlink(filepath.Join(outside, "secret"), filepath.Join(dir, "link")))
	check(t, os.Symlink(outside, filepath.Join(dir, "out")))
	check(t, unix.Mkfifo(filepath.Join(dir, "fifo"), 0o600))
	c := l.script(t, all, mount("/v", "shelf"))
	for _, s := range steps[:len(steps)-1] {
		if step(t, c, s.want); t.Failed() {
			t.Fatal(s.step)
		}
	}
	content, err := os.ReadFile(filepath.Join(dir, "dir"))
	if err != nil || string(content) != "file" {
		t.Errorf("the directory has %q, %v", content, err)
	}
	if names, err := os.ReadDir(outside); err != nil || len(names) != 1 {
		t.Errorf("outside are %v, %v", names, err)
	}
	l.remove(t, c) // what it could not store as /v/link is kept
}
