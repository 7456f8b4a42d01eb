package overlaymount_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/directfs/runsc/pkg/overlaymount"
	"golang.org/x/sys/unix"
)

// fsmount mounts option by option, as a driver does, and returns what the kernel
// says of it.
func fsmount(m overlaymount.Mount) (log []string, err error) {
	fd, err := unix.Fsopen("overlay", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	for _, l := range m.Layers() {
		key := string(l.Role)
		if l.Role == overlaymount.Lower || l.Role == overlaymount.Data {
			key += "+"
		}
		if err := unix.FsconfigSetString(fd, key, l.Path); err != nil {
			return readLog(fd), err
		}
	}
	for _, o := range m.Options {
		set := func() error { return unix.FsconfigSetFlag(fd, o.Key) }
		if o.HasValue {
			set = func() error { return unix.FsconfigSetString(fd, o.Key, o.Value) }
		}
		if err := set(); err != nil {
			return readLog(fd), err
		}
	}
	if err := unix.FsconfigCreate(fd); err != nil {
		return readLog(fd), err
	}
	mount, err := unix.Fsmount(fd, unix.FSMOUNT_CLOEXEC, 0)
	if err != nil {
		return readLog(fd), err
	}
	return readLog(fd), unix.Close(mount)
}

func readLog(fd int) (lines []string) {
	buf := make([]byte, 4096)
	for {
		n, err := unix.Read(fd, buf)
		if err != nil || n <= 0 {
			return lines
		}
		lines = append(lines, string(bytes.TrimSpace(buf[:n])))
	}
}

// TestKernelIsExplained: what the kernel refuses, Check finds first, and Explain
// says it after the kernel has.
func TestKernelIsExplained(t *testing.T) {
	b := newBench(t)
	for _, name := range []string{"a", "b", "c", "u", "w", "u/in", "w/in", "a/in"} {
		if err := os.Mkdir(filepath.Join(b.dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(b.dir, "file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nowhere", filepath.Join(b.dir, "dangling")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, options string
		code          overlaymount.Code
		says          string
	}{
		{"typo", "lowerdir=$/a:$/b,xuserattrs", overlaymount.CodeUnknownOption, "did you mean userxattr?"},
		{"bad value", "lowerdir=$/a:$/b,index=yes", overlaymount.CodeValue, "Bad value for 'index'"},
		{"value of a flag", "lowerdir=$/a:$/b,userxattr=on", overlaymount.CodeValue, "userxattr"},
		{"no lower", "upperdir=$/u,workdir=$/w", overlaymount.CodeNoLower, "lowerdir"},
		{"only data", "datadir+=$/a,upperdir=$/u,workdir=$/w", overlaymount.CodeNoLower, "data-only"},
		{"no work", "lowerdir=$/a,upperdir=$/u", overlaymount.CodeNoWork, "workdir"},
		{"one lower", "lowerdir=$/a", overlaymount.CodeOneLower, "read-only bind"},
		{"missing", "lowerdir=$/a:$/gone", overlaymount.CodeLayer, "/gone"},
		{"dangling", "lowerdir=$/a:$/dangling", overlaymount.CodeLayer, "/dangling"},
		{"file", "lowerdir=$/a:$/file", overlaymount.CodeNotDirectory, "/file"},
		{"twice", "lowerdir=$/a:$/b:$/a", overlaymount.CodeSame, "/l/a"},
		{"upper is lower", "lowerdir=$/u,upperdir=$/u,workdir=$/w", overlaymount.CodeSame, "/l/u"},
		{"upper is work", "lowerdir=$/a,upperdir=$/u,workdir=$/u", overlaymount.CodeSame, "/l/u"},
		{"work in upper", "lowerdir=$/a,upperdir=$/u,workdir=$/u/in", overlaymount.CodeNested, "/u/in"},
		{"upper in work", "lowerdir=$/a,upperdir=$/w/in,workdir=$/w", overlaymount.CodeNested, "/w/in"},
		{"lower in upper", "lowerdir=$/u/in,upperdir=$/u,workdir=$/w", overlaymount.CodeNested, "/u/in"},
		{"lower in lower", "lowerdir=$/a:$/a/in", overlaymount.CodeNested, "/a/in"},
		{"conflict", "lowerdir=$/a,upperdir=$/u,workdir=$/w,nfs_export=on,index=off", overlaymount.CodeConflict, "index=off"},
		{"userxattr", "lowerdir=$/a:$/b,userxattr,redirect_dir=on", overlaymount.CodeConflict, "userxattr"},
	} {
		// No subtest: it would be on another thread, in another namespace.
		m, _, err := overlaymount.Parse(b.expand([]string{c.options}))
		if err != nil {
			t.Fatal(err)
		}
		facts := look(m)
		if found := overlaymount.Check(m, facts, overlaymount.Host); len(found) != 1 || found[0].Code != c.code || found[0].Warning {
			t.Errorf("%s: before: %v", c.name, found)
		}
		log, err := fsmount(m)
		if err == nil {
			t.Errorf("%s: the kernel mounts it", c.name)
			continue
		}
		err = overlaymount.Explain(m, facts, err, log)
		var f *overlaymount.Finding
		if !errors.As(err, &f) || f.Code != c.code || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: after: %v", c.name, err)
		}
		t.Logf("%s: %v", c.name, err)
	}
}

// TestKernelAllowsWhatIsRefused pins where Check is stricter than the kernel: it
// mounts an upper layer inside a lower one, and then shows it twice.
func TestKernelAllowsWhatIsRefused(t *testing.T) {
	b := newBench(t)
	m, _, err := overlaymount.Parse(b.expand([]string{"lowerdir=$", "upperdir=$/u", "workdir=$/w"}))
	if err != nil {
		t.Fatal(err)
	}
	b.directories(t, m)
	if found := overlaymount.Check(m, look(m), overlaymount.Host); len(found) != 2 || found[0].Code != overlaymount.CodeNested {
		t.Errorf("%v", found)
	}
	if log, err := fsmount(m); err != nil {
		t.Errorf("%v, %q", err, log)
	}
}

// TestKernelLimit: the kernel takes 500 lower layers, and the text of a path of
// fsconfig(2) is shorter than a path can be.
func TestKernelLimit(t *testing.T) {
	b := newBench(t)
	fd, err := unix.Fsopen("overlay", unix.FSOPEN_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	for i := range overlaymount.MaxLower {
		if err := unix.FsconfigSetString(fd, "lowerdir+", b.dir); err != nil {
			t.Fatalf("layer %d: %v", i+1, err)
		}
	}
	if err := unix.FsconfigSetString(fd, "lowerdir+", b.dir); err == nil {
		t.Errorf("it takes %d layers", overlaymount.MaxLower+1)
	}
	log := readLog(fd)
	if len(log) != 1 || !strings.Contains(log[0], "too many lower directories") {
		t.Errorf("it says %q", log)
	}
	long := b.dir + strings.Repeat("/.", 128)
	if err := unix.FsconfigSetString(fd, "upperdir", long); !errors.Is(err, unix.EINVAL) {
		t.Errorf("a path of %d bytes: %v", len(long), err)
	}
}
