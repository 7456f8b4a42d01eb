package volume

import (
	"io/fs"
	"testing"
)

// TestRenameIntoWhatAnotherMoved: one client moves a directory out of another, and
// a second client, which has seen it there, moves that one into it.
func TestRenameIntoWhatAnotherMoved(t *testing.T) {
	v := newFake()
	v.put("a", &fakeFile{attr: Attr{Mode: fs.ModeDir | 0o755}})
	one, two := dial(t, v, MountOptions{}), dial(t, v, MountOptions{})
	a, _ := one.walk("a")
	i, err := a.MkdirAt(background, "b", 0o755, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	b := one.NewFD(i.ControlFD)
	other, _ := two.walk("a")
	two.wantErrno("move out", other.RenameAt(background, "b", two.root.ID(), "b", 0), 0)
	one.wantErrno("move into", one.root.RenameAt(background, "a", b.ID(), "x", 0), 0)
	if _, err := b.Walk(background, "x"); err != nil {
		t.Error(err)
	}
}
