package filesystems

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

var magics = map[Kind]int64{
	Ext4: unix.EXT4_SUPER_MAGIC, XFS: unix.XFS_SUPER_MAGIC, Btrfs: unix.BTRFS_SUPER_MAGIC, Squashfs: unix.SQUASHFS_MAGIC,
	EROFS: unix.EROFS_SUPER_MAGIC_V1, Ramfs: unix.RAMFS_MAGIC, Tmpfs: unix.TMPFS_MAGIC, Overlay: unix.OVERLAYFS_SUPER_MAGIC,
	FUSE: unix.FUSE_SUPER_MAGIC,
}

func TestNew(t *testing.T) {
	for _, kind := range Kinds {
		t.Run(string(kind), func(t *testing.T) {
			content := t.TempDir()
			if err := os.WriteFile(filepath.Join(content, "file"), []byte("text"), 0o644); err != nil {
				t.Fatal(err)
			}
			var at string
			t.Run("made", func(t *testing.T) {
				at = New(t, kind, Options{Dir: content[:strings.LastIndex(content, "/")], Content: content})
				var st unix.Statfs_t
				if err := unix.Statfs(at, &st); err != nil || int64(st.Type) != magics[kind] {
					t.Errorf("%#x %v", st.Type, err)
				}
				text, err := os.ReadFile(filepath.Join(at, "file"))
				holds := kind == Squashfs || kind == EROFS || kind == Overlay || kind == FUSE
				if (err == nil) != holds || holds && string(text) != "text" {
					t.Errorf("its file: %q %v", text, err)
				}
				err = os.WriteFile(filepath.Join(at, "new"), nil, 0o644)
				if isWritable := kind != Squashfs && kind != EROFS; (err == nil) != isWritable {
					t.Errorf("a new file: %v", err)
				}
			})
			if at != "" {
				gone(t, filepath.Dir(at))
			}
		})
	}
}

// gone fails if something of a file system is still there after its test.
func gone(t *testing.T, base string) {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil || bytes.Contains(mounts, []byte(base)) {
		t.Errorf("still mounted, or %v", err)
	}
	files, _ := filepath.Glob("/sys/block/loop*/loop/backing_file")
	for _, f := range files {
		if name, err := os.ReadFile(f); err == nil && bytes.Contains(name, []byte(base)) {
			t.Errorf("%s: %s", f, name)
		}
	}
}

func TestMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	err := Missing()
	if err == nil {
		t.Fatal("nothing is missing without a PATH")
	}
	for _, all := range tools {
		for _, tool := range all {
			if !strings.Contains(err.Error(), tool.name+" is not in PATH") || !strings.Contains(err.Error(), "install the package "+tool.pkg) {
				t.Errorf("%s of %s: %v", tool.name, tool.pkg, err)
			}
		}
	}
}

// Continuous integration installs the packages, and the README names them.
func TestPackagesAreNamed(t *testing.T) {
	const root = "../../.."
	ci, err := os.ReadFile(root + "/.ci/run")
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile(root + "/README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, all := range tools {
		for _, tool := range all {
			if tool.name == "mount" { // of every system
				continue
			}
			if !strings.Contains(string(ci), "\t"+tool.name+" "+tool.pkg+"\n") {
				t.Errorf(".ci/run does not install %s for %s", tool.pkg, tool.name)
			}
			if !strings.Contains(string(readme), "`"+tool.pkg+"`") {
				t.Errorf("README.md does not name %s", tool.pkg)
			}
		}
	}
}
