package overlayfs_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/directfs/runsc/pkg/overlaymount"
	"github.com/directfs/runsc/pkg/overlaymount/inspect"
	"golang.org/x/sys/unix"
)

// oddName is hard to tell from what separates options, layers and columns.
const oddName = "o d,d:\\x\ty"

// An upper layer that another overlay writes: the kernel refuses it with index=on
// only, and otherwise tells its own log.
func TestInUse(t *testing.T) {
	inUse := codes(overlaymount.CodeInUse)
	mounted := func(options ...string) func(t testing.TB) overlaymount.Mount {
		return changed(func(t testing.TB, dir string, m *overlaymount.Mount) {
			attach(t, trial{*m}, t.TempDir())
		}, options...)
	}
	check(t, []row{
		{name: "index=off", root: want{kernel: "upperdir is in-use as upperdir/workdir of another mount", codes: inUse}, make: mounted("index=off")},
		{name: "index=on", root: want{mount: "EBUSY", kernel: "upperdir is in-use as upperdir/workdir of another mount", codes: inUse}, make: mounted("index=on")},
		{name: "odd names", root: want{codes: inUse}, make: func(t testing.TB) overlaymount.Mount {
			dir := mkdir(t, disk(t), oddName)
			m := over(t, fill(t, mkdir(t, dir, "lower")), dir)
			attach(t, trial{m}, t.TempDir())
			return m
		}},
		{name: "odd names, by mount(2)", root: want{codes: inUse}, make: func(t testing.TB) overlaymount.Mount {
			dir := mkdir(t, disk(t), oddName)
			m := over(t, fill(t, mkdir(t, dir, "lower")), dir)
			at, escape := t.TempDir(), strings.NewReplacer(`\`, `\\`, `,`, `\,`, `:`, `\:`).Replace
			data := "lowerdir=" + escape(m.Lower[0]) + ",upperdir=" + escape(m.Upper) + ",workdir=" + escape(m.Work)
			if err := unix.Mount("overlay", at, "overlay", 0, data); err != nil {
				t.Fatal(err)
			}
			unmountLater(t, at)
			return m
		}},
		{name: "ended", root: want{}, make: changed(func(t testing.TB, _ string, m *overlaymount.Mount) {
			fd, err := trial{*m}.mount()
			if err != nil {
				t.Fatal(err)
			}
			unix.Close(fd)
		})},
	})
}

// attach mounts an overlay at a directory until the test ends.
func attach(t testing.TB, tr trial, at string) {
	t.Helper()
	fd, err := tr.mount()
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.MoveMount(fd, "", unix.AT_FDCWD, at, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		t.Fatal(err)
	}
	unmountLater(t, at)
}

func unmountLater(t testing.TB, at string) {
	t.Cleanup(func() {
		if err := unix.Unmount(at, 0); err != nil {
			t.Error(err)
		}
	})
}

// Who deletes a directory and makes a new one hides the lower one by an attribute.
// An overlay that reads the other dialect shows the lower one's files again.
func TestDialect(t *testing.T) {
	for _, dialect := range []struct {
		name           string
		writer, reader []overlaymount.Option
		path           func(d overlaymount.Directory) (own, other string)
	}{
		{"trusted", nil, []overlaymount.Option{option("userxattr")}, func(d overlaymount.Directory) (string, string) { return d.Trusted, d.User }},
		{"user", []overlaymount.Option{option("userxattr")}, nil, func(d overlaymount.Directory) (string, string) { return d.User, d.Trusted }},
	} {
		t.Run(dialect.name, func(t *testing.T) {
			m := changed(nil)(t)
			m.Options = dialect.writer
			replaceShown(t, trial{m})
			d := inspect.Facts(m, overlaymount.Host).Layers[m.Upper]
			if own, other := dialect.path(d); own == "" || other != "" {
				t.Errorf("seen at %q, and the other dialect at %q", own, other)
			}
			want{}.compare(t, trial{m}, trial{m}.play(), "")
			if o := (trial{m}).play(); o.Entries != "" {
				t.Errorf("the same dialect shows %q", o.Entries)
			}
			m.Options = dialect.reader
			o := trial{m}.play()
			if o.Mount != "" || o.Entries != "deleted" {
				t.Errorf("the other dialect: %q shows %q", o.Mount, o.Entries)
			}
			if !slices.ContainsFunc(o.Findings, func(f overlaymount.Finding) bool { return f.Code == overlaymount.CodeDialect && !f.Warning }) {
				t.Errorf("findings: %+v", o.Findings)
			}
		})
	}
}

// A user namespace does not see the attributes of the other dialect.
func TestDialectUnseen(t *testing.T) {
	m := changed(nil)(t)
	replaceShown(t, trial{m})
	o := trial{m.WithUserXattr()}.playAsUser(t)
	if o.Mount != "" || o.Entries != "deleted" || len(o.Findings) > 0 {
		t.Errorf("%q shows %q, findings %+v", o.Mount, o.Entries, o.Findings)
	}
}

func replaceShown(t testing.TB, tr trial) {
	t.Helper()
	fd, err := tr.mount()
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	for _, err := range []error{
		unix.Unlinkat(fd, "shown/deleted", 0), unix.Unlinkat(fd, "shown", unix.AT_REMOVEDIR), unix.Mkdirat(fd, "shown", 0o755),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
}
