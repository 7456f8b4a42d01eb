package overlayfs_test

import (
	"os"
	"testing"

	"github.com/directfs/runsc/pkg/overlaymount"
	"github.com/directfs/runsc/runsc/harness/filesystems"
	"golang.org/x/sys/unix"
)

// disk is a directory on ext4, which is a good layer wherever the tests run.
func disk(t testing.TB) string {
	t.Helper()
	return filesystems.New(t, filesystems.Ext4, filesystems.Options{})
}

// on is a file system with the lower layer's files.
func on(t testing.TB, kind filesystems.Kind, content string) string {
	t.Helper()
	dir := filesystems.New(t, kind, filesystems.Options{Content: content})
	if _, err := os.Stat(dir + "/written"); err != nil {
		fill(t, dir)
	}
	return dir
}

const (
	worksNot  = `copy-up "", rename file "EINVAL", rename directory "EXDEV", rmdir "EIO"`
	worksLess = `copy-up "", rename file "", rename directory "EXDEV", rmdir "EIO"`
	notCopied = `copy-up "EACCES", rename file "EOVERFLOW", rename directory "", rmdir "EACCES"`
)

// Which file systems can be an upper layer.
func TestUpper(t *testing.T) {
	var rows []row
	for kind, w := range map[filesystems.Kind]want{
		filesystems.Ext4:  {},
		filesystems.XFS:   {},
		filesystems.Btrfs: {},
		filesystems.Tmpfs: {},
		filesystems.Ramfs: {used: worksNot, kernel: "does not support RENAME_WHITEOUT", codes: codes(overlaymount.CodeUpperFilesystem)},
		filesystems.Overlay: {
			mount: "EINVAL", log: "not supported as upperdir", codes: codes(overlaymount.CodeUpperFilesystem),
		},
		filesystems.FUSE: {
			mount: "EINVAL", kernel: "upper fs missing required features", codes: codes(overlaymount.CodeUpperFilesystem),
		},
	} {
		rows = append(rows, row{name: string(kind), root: w, make: func(t testing.TB) overlaymount.Mount {
			return over(t, lowerDir(t), filesystems.New(t, kind, filesystems.Options{}))
		}})
	}
	check(t, rows)
}

// Which file systems can be a lower layer: all that can be made here.
func TestLower(t *testing.T) {
	var rows []row
	for _, kind := range filesystems.Kinds {
		rows = append(rows, row{name: string(kind), make: func(t testing.TB) overlaymount.Mount {
			return over(t, on(t, kind, lowerDir(t)), disk(t))
		}})
	}
	rows = append(rows, row{
		name: "proc", root: want{mount: "EINVAL", kernel: "maximum fs stacking depth exceeded", codes: codes(overlaymount.CodeFilesystem)},
		make: func(t testing.TB) overlaymount.Mount { return over(t, "/proc", disk(t)) },
	})
	check(t, rows)
}

// A lower layer whose owners are not in the user namespace can be read, and not
// written to.
func TestUnmappedOwners(t *testing.T) {
	var rows []row
	for _, kind := range []filesystems.Kind{filesystems.Squashfs, filesystems.EROFS, filesystems.Ext4} {
		user := want{used: notCopied}
		rows = append(rows, row{name: string(kind), user: &user, make: func(t testing.TB) overlaymount.Mount {
			content := lowerDir(t)
			m := over(t, content, disk(t))
			for _, name := range []string{"", "written", "renamed", "removed", "removed/file", "shown"} {
				if err := os.Chown(content+"/"+name, 4711, 4711); err != nil {
					t.Fatal(err)
				}
			}
			if kind != filesystems.Ext4 {
				m.Lower[0] = on(t, kind, content)
			}
			return m
		}})
	}
	check(t, rows)
}

func TestStacked(t *testing.T) {
	tooDeep := want{mount: "EINVAL", kernel: "maximum fs stacking depth exceeded", codes: codes(overlaymount.CodeDepth)}
	check(t, []row{
		{name: "overlay on an overlay", root: tooDeep, make: func(t testing.TB) overlaymount.Mount {
			return over(t, on(t, filesystems.Overlay, on(t, filesystems.Overlay, lowerDir(t))), disk(t))
		}},
		{name: "a later layer is an overlay on an overlay", root: tooDeep, make: func(t testing.TB) overlaymount.Mount {
			m := over(t, lowerDir(t), disk(t))
			m.Lower = append(m.Lower, on(t, filesystems.Overlay, on(t, filesystems.Overlay, lowerDir(t))))
			return m
		}},
		{name: "overlay on ramfs", make: func(t testing.TB) overlaymount.Mount {
			return over(t, on(t, filesystems.Overlay, on(t, filesystems.Ramfs, "")), disk(t))
		}},
	})
}

func TestSubmounts(t *testing.T) {
	user := want{mount: "EINVAL", kernel: "failed to clone lowerpath", codes: codes(overlaymount.CodeSubmounts)}
	check(t, []row{
		{name: "mounted in a lower layer", user: &user, make: func(t testing.TB) overlaymount.Mount {
			lower := lowerDir(t)
			bind(t, disk(t), mkdir(t, lower, "below"))
			return over(t, lower, disk(t))
		}},
		// The overlay does not show what is mounted there, so the upper layer is not in
		// the lower one.
		{name: "upper on a mount in a lower layer", user: &user, make: changed(
			func(t testing.TB, dir string, m *overlaymount.Mount) {
				place := mkdir(t, m.Lower[0], "below")
				bind(t, mkdir(t, dir, "elsewhere"), place)
				m.Upper, m.Work = mkdir(t, place, "upper"), mkdir(t, place, "work")
			})},
	})
}

// bind mounts a directory at another one until the test ends.
func bind(t testing.TB, source, target string) {
	t.Helper()
	if err := unix.Mount(source, target, "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	unmountLater(t, target)
}
