package inspect

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/directfs/runsc/pkg/overlaymount"
	"golang.org/x/sys/unix"
)

func mkdir(t *testing.T, parts ...string) string {
	t.Helper()
	dir := filepath.Join(parts...)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func identity(t *testing.T, name string) overlaymount.Identity {
	t.Helper()
	at, _, err := lookAt(unix.AT_FDCWD, name, 0)
	if err != nil {
		t.Fatal(err)
	}
	return at.Identity
}

// lower looks at one directory as a lower layer.
func lower(name string) overlaymount.Directory {
	return Facts(overlaymount.Mount{Lower: []string{name}}, overlaymount.Host).Layers[name]
}

func TestDirectory(t *testing.T) {
	dir := t.TempDir()
	a, link := mkdir(t, dir, "a"), filepath.Join(dir, "link")
	if err := os.Symlink("a", link); err != nil {
		t.Fatal(err)
	}
	d := lower(link)
	if d.Err != nil || !d.IsDirectory || d.Identity != identity(t, a) || !d.Writable || d.ReadOnly || d.Filesystem == "" || d.StackedOn > 1 {
		t.Errorf("%+v", d)
	}
	want := []overlaymount.Identity{identity(t, dir), identity(t, filepath.Dir(dir))}
	if len(d.Above) < 2 || !slices.Equal(d.Above[:2], want) || d.Above[len(d.Above)-1] != identity(t, "/") {
		t.Errorf("above: %v, want %v first and / last", d.Above, want)
	}
}

func TestNoDirectory(t *testing.T) {
	dir := t.TempDir()
	file, loop, fifo := filepath.Join(dir, "file"), filepath.Join(dir, "loop"), filepath.Join(dir, "fifo")
	if err := errors.Join(os.WriteFile(file, nil, 0o644), os.Symlink("loop", loop), unix.Mkfifo(fifo, 0o600)); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]error{
		file: nil, fifo: nil,
		loop: unix.ELOOP, file + "/a": unix.ENOTDIR, dir + "/missing": unix.ENOENT, "": unix.ENOENT, "a/b": ErrRelative,
		dir + "/\x00": unix.EINVAL, "/" + strings.Repeat("a", 5000): unix.ENAMETOOLONG,
	} {
		d := lower(name)
		if !errors.Is(d.Err, want) || d.IsDirectory || d.Err != nil && d.Identity != (overlaymount.Identity{}) {
			t.Errorf("%.20q: %+v, want %v", name, d, want)
		}
	}
}

func TestLockedBy(t *testing.T) {
	dir := t.TempDir()
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if d := lower(dir); d.LockedBy != "" {
		t.Errorf("not locked: %q", d.LockedBy)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		t.Fatal(err)
	}
	if d := lower(dir); !strings.HasPrefix(d.LockedBy, fmt.Sprintf(`process %d ("`, os.Getpid())) {
		t.Errorf("locked: %q", d.LockedBy)
	}
}

// A lock stays with the open file when the process that took it has ended, and the
// kernel goes on to name that process.
func TestLockedByWhoHasEnded(t *testing.T) {
	const variable = "TAKE_LOCK"
	if os.Getenv(variable) != "" {
		if err := unix.Flock(3, unix.LOCK_EX|unix.LOCK_NB); err != nil {
			t.Fatal(err)
		}
		return
	}
	dir := t.TempDir()
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	child := exec.Command("/proc/self/exe", "-test.run=^TestLockedByWhoHasEnded$")
	child.Env, child.ExtraFiles = append(os.Environ(), variable+"=1"), []*os.File{f}
	if out, err := child.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	want := process(os.Getpid())
	if d := lower(dir); d.LockedBy != want {
		t.Errorf("locked by %q, want %q", d.LockedBy, want)
	}
	held, err := HeldLocks(os.Getpid())
	if err != nil || len(held) != 1 {
		t.Errorf("held: %v, %v", held, err)
	}
	for at, exclusive := range held {
		var st unix.Stat_t
		if err := unix.Fstat(int(f.Fd()), &st); err != nil || at.Inode != st.Ino || !exclusive {
			t.Errorf("held: %v %v, want inode %d; %v", at, exclusive, st.Ino, err)
		}
	}
	if got := Holder(int(f.Fd())); got != want {
		t.Errorf("of the open file: %q, want %q", got, want)
	}
	// Another process may have the number of who took it by now.
	if got, want := holder(os.Getpid(), LockedFile{}), "another container or program, which cannot be seen from here"; got != want {
		t.Errorf("a process without the lock: %q, want %q", got, want)
	}
}

func TestVolatile(t *testing.T) {
	work := t.TempDir()
	m := overlaymount.Mount{Lower: []string{"/"}, Upper: "/", Work: work}
	if d := Facts(m, overlaymount.Host).Layers[work]; d.Volatile != "" {
		t.Errorf("%q", d.Volatile)
	}
	left := mkdir(t, work, "work/incompat/volatile")
	if d := Facts(m, overlaymount.Host).Layers[work]; d.Volatile != left {
		t.Errorf("%q", d.Volatile)
	}
}

func TestNoOverlay(t *testing.T) {
	proc := t.TempDir()
	write := func(name, text string) {
		mkdir(t, proc, filepath.Dir(name))
		if err := os.WriteFile(filepath.Join(proc, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got := noOverlay(proc); got != "" {
		t.Errorf("nothing is known: %q", got)
	}
	write("filesystems", "nodev\ttmpfs\n\text4\n")
	if got := noOverlay(proc); !strings.Contains(got, "loads no modules") {
		t.Errorf("a kernel without modules: %q", got)
	}
	write("modules", "")
	if got := noOverlay(proc); got != "" {
		t.Errorf("a kernel that may load it: %q", got)
	}
	write("sys/kernel/modules_disabled", "1\n")
	if got := noOverlay(proc); !strings.Contains(got, "modules_disabled") {
		t.Errorf("a kernel that loads no more: %q", got)
	}
	write("filesystems", "nodev\toverlay\n")
	if got := noOverlay(proc); got != "" {
		t.Errorf("a kernel that has it: %q", got)
	}
}

func manyLowers(t testing.TB, entries int) overlaymount.Mount {
	dir := t.TempDir()
	var m overlaymount.Mount
	for i := range 500 {
		layer := fmt.Sprintf("%s/%d/diff", dir, i)
		for e := range entries {
			if err := os.MkdirAll(fmt.Sprintf("%s/%d", layer, e), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		m.Lower = append(m.Lower, layer)
	}
	return m
}

// What is asked of every container at create must not be felt. The limit is far
// above what it takes, some milliseconds.
func TestFast(t *testing.T) {
	m := manyLowers(t, 5)
	begin := time.Now()
	f := Facts(m, overlaymount.Host)
	if took := time.Since(begin); took > 200*time.Millisecond {
		t.Errorf("500 lower layers took %v", took)
	}
	if len(f.Layers) != 500 || f.Layers[m.Lower[499]].Err != nil {
		t.Errorf("%d layers", len(f.Layers))
	}
}

func BenchmarkFacts(b *testing.B) {
	for _, entries := range []int{1, 20} {
		m := manyLowers(b, entries)
		b.Run(fmt.Sprintf("500 lowers of %d entries", entries), func(b *testing.B) {
			for b.Loop() {
				Facts(m, overlaymount.Host)
			}
		})
	}
}
