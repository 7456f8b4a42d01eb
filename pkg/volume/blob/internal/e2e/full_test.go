package e2e

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/directfs/runsc/pkg/volume/blob/internal/volumed/settings"
	"github.com/directfs/runsc/runsc/harness"
	"golang.org/x/sys/unix"
)

// Where there is no room for what is written, the writer learns it at once, and
// what is read does not need it.
func TestFull(t *testing.T) {
	for name, room := range map[string]func(t *testing.T, l *lab){
		"disk":         smallDisk,
		"staged bytes": func(t *testing.T, l *lab) { change(func(v *settings.Volume) { v.StagedSize = 8 << 20 })(l) },
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, func(l *lab) { room(t, l) })
			content := make([]byte, large)
			_, _ = rand.NewChaCha8([32]byte{2}).Read(content)
			l.put(t, "shelf", "large", string(content))
			l.put(t, "shelf", "small", "text")
			l.put(t, "other", "small", "other text")
			// The file that does not fit stays open.
			c := l.script(t, []string{"open f create /v/big", "fill f 20971520", "cat /v/small", "truncate f 10", "close f", "end /v"},
				mount("/v", "shelf"), mount("/o", "other"), mountDirectory)
			for _, want := range []string{"ok", "ENOSPC", "text"} {
				step(t, c, want)
			}
			if r, err := c.Exec(harness.Context(t), "write", "/v/more", "text"); err != nil || !strings.Contains(r.Stderr, "no space left on device") {
				t.Errorf("writing one more: %+v, %v", r, err)
			}
			expectGuest(t, c, hash(content), "hash", "/v/large")
			expectIn(t, c, "/a")
			expectGuest(t, c, "other text", "cat", "/o/small")
			step(t, c, "ok")
			step(t, c, "ok")
			guest(t, c, "write", "/v/more", "text")
			if got, ok := l.object(t, "shelf", "big"); !ok || len(got) != 10 {
				t.Errorf("the object has %d bytes, %v", len(got), ok)
			}
			l.remove(t, c)
			l.expectClean(t)
		})
	}
}

// smallDisk puts the state directory on a file system of 8 MiB.
func smallDisk(t *testing.T, l *lab) {
	l.settings.StateDir = filepath.Join(l.dir, "small")
	check(t, os.Mkdir(l.settings.StateDir, 0o700))
	check(t, unix.Mount("tmpfs", l.settings.StateDir, "tmpfs", 0, "size=8m,mode=700"))
	t.Cleanup(func() {
		if err := unix.Unmount(l.settings.StateDir, 0); err != nil {
			t.Error(err)
		}
	})
}

// A sandbox that opens files without end gets an error, and other sandboxes and
// mounts go on. When it has closed them it goes on, too.
func TestOutOfDescriptors(t *testing.T) {
	l := newLab(t)
	few := unix.Rlimit{Cur: 256, Max: 256} // of the daemon, so also of its workers
	check(t, unix.Prlimit(l.daemon.cmd.Process.Pid, unix.RLIMIT_NOFILE, &few, nil))
	c := l.Serve(t, l.Bundle(t, mount("/v", "shelf"), mountDirectory, harness.Args("openall", "/v")))
	other := l.Serve(t, l.Bundle(t, mount("/v", "shelf"), mountDirectory, harness.Args("serve")))
	got := line(t, c)
	if count, errno, _ := strings.Cut(got, " "); len(count) != 3 || errno != "EMFILE" {
		t.Errorf("the guest opened %s", got)
	}
	guest(t, c, "write", "/a/file", "goes on")
	guest(t, other, "write", "/v/file", "goes on")
	check(t, c.Kill(harness.Context(t), "USR1"))
	if got := line(t, c); got != "closed" {
		t.Error(got)
	}
	expectGuest(t, c, "goes on", "cat", "/v/file")
	l.remove(t, c)
	l.remove(t, other)
	l.expectClean(t)
}
