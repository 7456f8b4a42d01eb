package volume

import "testing"

// TestRootAgain: a name leads back to the root, as where a directory is mounted
// in itself. It is the root, and nothing is lost by looking at it.
func TestRootAgain(t *testing.T) {
	v := newFake()
	v.files["root"].entries["again"] = "root"
	c := dial(t, v, MountOptions{})
	again, s := c.walk("again")
	if s.Ino != rootInode {
		t.Errorf("inode number %d", s.Ino)
	}
	_, err := again.MkdirAt(background, "d", 0o755, 0, 0)
	c.wantErrno("make a directory in it", err, 0)
	_, err = c.root.MkdirAt(background, "e", 0o755, 0, 0)
	c.wantErrno("make a directory in the root", err, 0)
}
