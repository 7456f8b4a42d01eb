package volumetest

import (
	"io"
	"io/fs"
	"os"

	"github.com/directfs/runsc/pkg/volume"
	"golang.org/x/sys/unix"
)

var donateRootChecks = []check{
	{"donate-root/a-directory", donateRoot, rootFileDirectory},
	{"donate-root/the-same-tree", donateRoot, rootFileTree},
	{"donate-root/more-than-once", donateRoot, rootFileAgain},
}

func (e *env) rootFile() *os.File {
	e.Helper()
	f, err := e.v.(volume.RootDonor).RootFile(e.ctx)
	e.ok(err, "RootFile")
	if f == nil {
		e.Fatal("RootFile returned no file")
	}
	return f
}

func rootFileDirectory(e *env) {
	var st unix.Stat_t
	e.ok(unix.Fstat(int(e.rootFile().Fd()), &st), "fstat")
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		e.Errorf("the donated root has mode %#o, want a directory", st.Mode)
	}
}

// rootFileTree looks at every file through the directory, without calls to the
// volume.
func rootFileTree(e *env) {
	tree := e.tree()
	root := int(e.rootFile().Fd())
	for _, p := range paths(e, tree) {
		want, err := fs.Lstat(tree, p)
		e.ok(err, "the tree that is wanted")
		var st unix.Stat_t
		e.ok(unix.Fstatat(root, p, &st, unix.AT_SYMLINK_NOFOLLOW), "fstatat of "+p)
		if got := typeOf(st.Mode); got != want.Mode().Type() {
			e.Errorf("%s has the type %v in the donated root, want %v", p, got, want.Mode().Type())
		}
		if want.Mode().IsRegular() {
			e.sameBelow(root, p, tree)
		}
	}
}

func typeOf(mode uint32) fs.FileMode {
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		return 0
	case unix.S_IFDIR:
		return fs.ModeDir
	case unix.S_IFLNK:
		return fs.ModeSymlink
	}
	return fs.ModeIrregular
}

func (e *env) sameBelow(root int, p string, tree fs.FS) {
	e.Helper()
	want, err := fs.ReadFile(tree, p)
	e.ok(err, "the tree that is wanted")
	fd, err := unix.Openat(root, p, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	e.ok(err, "openat of "+p)
	f := os.NewFile(uintptr(fd), p)
	defer f.Close()
	got, err := io.ReadAll(f)
	e.ok(err, "reading "+p)
	if string(got) != string(want) {
		e.Errorf("%s has %s in the donated root, want %s", p, shown(string(got)), shown(string(want)))
	}
}

// rootFileAgain asks twice. The files are the volume's to close, so they may be
// the same.
func rootFileAgain(e *env) {
	first := e.rootFile()
	second := e.rootFile()
	var a, b unix.Stat_t
	e.ok(unix.Fstat(int(first.Fd()), &a), "fstat of the first root")
	e.ok(unix.Fstat(int(second.Fd()), &b), "fstat of the second root")
	if a.Dev != b.Dev || a.Ino != b.Ino {
		e.Error("RootFile returned two directories")
	}
}
