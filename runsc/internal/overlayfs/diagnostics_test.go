package overlayfs_test

import (
	"os"
	"testing"

	"github.com/directfs/runsc/pkg/overlaymount"
	"github.com/directfs/runsc/runsc/harness/filesystems"
	"golang.org/x/sys/unix"
)

// on ext4, with the options, and changed
func changed(change func(t testing.TB, dir string, m *overlaymount.Mount), options ...string) func(t testing.TB) overlaymount.Mount {
	return func(t testing.TB) overlaymount.Mount {
		dir := disk(t)
		m := over(t, fill(t, mkdir(t, dir, "lower")), dir, options...)
		if change != nil {
			change(t, dir, &m)
		}
		return m
	}
}

// What else the kernel refuses, by the layers.
func TestLayers(t *testing.T) {
	twice := want{mount: "ELOOP", kernel: "conflicting lowerdir path", codes: codes(overlaymount.CodeSame)}
	below := want{mount: "ELOOP", kernel: "overlapping lowerdir path", codes: codes(overlaymount.CodeNested)}
	// The kernel mounts it, and fails where the overlay shows its own upper layer.
	shown := want{codes: codes(overlaymount.CodeNested)}
	check(t, []row{
		{name: "no workdir", root: want{mount: "EINVAL", kernel: "missing 'workdir'", codes: codes(overlaymount.CodeNoWork)},
			make: changed(func(_ testing.TB, _ string, m *overlaymount.Mount) { m.Work = "" })},
		{name: "no lowerdir", root: want{mount: "EINVAL", kernel: "missing 'lowerdir'", codes: codes(overlaymount.CodeNoLower)},
			make: changed(func(_ testing.TB, _ string, m *overlaymount.Mount) { m.Lower = nil })},
		{name: "one lowerdir and no upperdir", root: want{mount: "EINVAL", kernel: "at least 2 lowerdir", codes: codes(overlaymount.CodeOneLower)},
			make: changed(func(_ testing.TB, _ string, m *overlaymount.Mount) { m.Upper, m.Work = "", "" })},
		{name: "two lowerdirs and no upperdir", root: want{used: `copy-up "EROFS", rename file "EROFS", rename directory "EROFS", rmdir "EROFS"`},
			make: changed(func(t testing.TB, dir string, m *overlaymount.Mount) {
				m.Upper, m.Work, m.Lower = "", "", append(m.Lower, mkdir(t, dir, "lower2"))
			})},
		{name: "missing layer", root: want{mount: "ENOENT", codes: codes(overlaymount.CodeLayer)},
			make: changed(func(_ testing.TB, dir string, m *overlaymount.Mount) { m.Lower = append(m.Lower, dir+"/missing") })},
		{name: "unreadable layer", root: want{}, user: &want{mount: "EACCES", codes: codes(overlaymount.CodeLayer)},
			make: changed(func(t testing.TB, dir string, m *overlaymount.Mount) {
				m.Lower = append(m.Lower, mkdir(t, dir, "other/lower"))
				if err := os.Chown(dir+"/other", 4711, 4711); err != nil {
					t.Fatal(err)
				}
				if err := os.Chmod(dir+"/other", 0o700); err != nil {
					t.Fatal(err)
				}
			})},
		{name: "not a directory", root: want{mount: "EINVAL", log: "is not a directory", codes: codes(overlaymount.CodeNotDirectory)},
			make: changed(func(_ testing.TB, _ string, m *overlaymount.Mount) { m.Lower = append(m.Lower, m.Lower[0]+"/written") })},
		{name: "upper and work on two mounts", root: want{mount: "EINVAL", kernel: "workdir and upperdir must reside under the same mount", codes: codes(overlaymount.CodeMounts)},
			make: changed(func(t testing.TB, _ string, m *overlaymount.Mount) { m.Work = mkdir(t, disk(t), "work") })},
		{name: "work in upper", root: want{mount: "EINVAL", kernel: "workdir and upperdir must be separate subtrees", codes: codes(overlaymount.CodeNested)},
			make: changed(func(t testing.TB, _ string, m *overlaymount.Mount) { m.Work = mkdir(t, m.Upper, "work") })},
		{name: "upper in work", root: want{mount: "EINVAL", kernel: "workdir and upperdir must be separate subtrees", codes: codes(overlaymount.CodeNested)},
			make: changed(func(t testing.TB, _ string, m *overlaymount.Mount) { m.Upper = mkdir(t, m.Work, "upper") })},
		{name: "work is upper", root: want{mount: "EINVAL", kernel: "workdir and upperdir must be separate subtrees", codes: codes(overlaymount.CodeSame)},
			make: changed(func(_ testing.TB, _ string, m *overlaymount.Mount) { m.Work = m.Upper })},
		{name: "a layer twice", root: twice,
			make: changed(func(_ testing.TB, _ string, m *overlaymount.Mount) { m.Lower = append(m.Lower, m.Lower[0]) })},
		{name: "a layer twice by a bind mount", root: twice,
			make: changed(func(t testing.TB, dir string, m *overlaymount.Mount) {
				alias := t.TempDir()
				bind(t, m.Lower[0], alias)
				m.Lower = append(m.Lower, alias)
			})},
		{name: "upper is lower", root: twice,
			make: changed(func(_ testing.TB, _ string, m *overlaymount.Mount) { m.Lower = append(m.Lower, m.Upper) })},
		{name: "upper in lower", root: shown,
			make: changed(func(t testing.TB, _ string, m *overlaymount.Mount) { m.Upper = mkdir(t, m.Lower[0], "upper") })},
		{name: "upper in lower by bind mounts", root: shown,
			make: changed(func(t testing.TB, dir string, m *overlaymount.Mount) {
				alias := t.TempDir()
				bind(t, mkdir(t, m.Lower[0], "deep/er"), alias)
				m.Upper, m.Work = mkdir(t, alias, "upper"), mkdir(t, alias, "work")
			})},
		{name: "lower in upper", root: below,
			make: changed(func(t testing.TB, _ string, m *overlaymount.Mount) {
				m.Lower = append(m.Lower, mkdir(t, m.Upper, "lower"))
			})},
		{name: "lower in lower", root: below,
			make: changed(func(t testing.TB, _ string, m *overlaymount.Mount) {
				m.Lower = append(m.Lower, mkdir(t, m.Lower[0], "lower"))
			})},
		{name: "500 lowers", root: want{}, make: func(t testing.TB) overlaymount.Mount { return manyLowers(t, 500) }},
		{name: "501 lowers", root: want{mount: "EINVAL", log: "too many lower directories, limit is 500", codes: codes(overlaymount.CodeTooManyLower)},
			make: func(t testing.TB) overlaymount.Mount { return manyLowers(t, 501) }},
		{name: "volatile", root: want{mount: "EINVAL", kernel: "overlay with incompat feature 'volatile' cannot be mounted", codes: codes(overlaymount.CodeVolatile)},
			make: changed(func(t testing.TB, _ string, m *overlaymount.Mount) { mkdir(t, m.Work, "work/incompat/volatile") })},
	})
}

func TestReadOnly(t *testing.T) {
	readOnly := codes(overlaymount.CodeReadOnly)
	check(t, []row{
		{name: "upper", root: want{mount: "EINVAL", codes: readOnly},
			make: changed(func(t testing.TB, dir string, m *overlaymount.Mount) {
				if err := unix.MountSetattr(unix.AT_FDCWD, dir, 0, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}); err != nil {
					t.Fatal(err)
				}
			})},
		{name: "work of somebody else", root: want{}, user: &want{mount: "read-only", kernel: "failed to create directory", codes: readOnly},
			make: changed(func(t testing.TB, _ string, m *overlaymount.Mount) {
				if err := os.Chown(m.Work, 4711, 4711); err != nil {
					t.Fatal(err)
				}
			})},
		{name: "no room for work", root: want{mount: "read-only", kernel: "mounting read-only"},
			make: func(t testing.TB) overlaymount.Mount {
				m := over(t, lowerDir(t), filesystems.New(t, filesystems.Tmpfs, filesystems.Options{}))
				var st unix.Statfs_t
				dir := m.Upper + "/.."
				if err := unix.Mount("", dir, "", unix.MS_REMOUNT, "nr_inodes=4"); err != nil {
					t.Fatal(err)
				}
				write(t, dir+"/full")
				if err := unix.Statfs(dir, &st); err != nil || st.Ffree != 0 {
					t.Fatalf("%d inodes are free, %v", st.Ffree, err)
				}
				return m
			}},
	})
}

func TestOptions(t *testing.T) {
	conflict := want{mount: "EINVAL", codes: codes(overlaymount.CodeConflict)}
	with := func(kernel string) want { w := conflict; w.kernel = kernel; return w }
	check(t, []row{
		{name: "unknown", root: want{mount: "EINVAL", log: "Unknown parameter 'xuserattrs'", codes: codes(overlaymount.CodeUnknownOption)},
			make: changed(nil, "xuserattrs")},
		{name: "bad value", root: want{mount: "EINVAL", log: "Bad value for 'index'", codes: codes(overlaymount.CodeValue)}, make: changed(nil, "index=maybe")},
		{name: "userxattr and redirect_dir=on", root: with("conflicting options: userxattr,redirect_dir=on"), make: changed(nil, "userxattr", "redirect_dir=on")},
		{name: "userxattr and metacopy=on", root: with("conflicting options: userxattr,metacopy=on"), make: changed(nil, "userxattr", "metacopy=on")},
		{name: "nfs_export=on and index=off", root: with("conflicting options: nfs_export=on,index=off"), make: changed(nil, "nfs_export=on", "index=off")},
		{name: "without userxattr", root: want{}, user: &want{used: worksLess}, make: changed(nil)},
	})
}
