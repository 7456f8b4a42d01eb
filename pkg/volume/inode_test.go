package volume

import (
	"io/fs"
	"testing"
)

func TestInodeNumbers(t *testing.T) {
	root := Attr{ID: "root", Mode: fs.ModeDir}
	a, b := Attr{ID: "a"}, Attr{ID: "b"}
	t.Run("stable and without memory", func(t *testing.T) {
		n := newNodes(root)
		x, _ := n.acquire(a)
		number := x.number
		n.release(x)
		if len(n.live) != 1 || len(n.numbers) != 1 {
			t.Errorf("nodes are left: %d, %d", len(n.live), len(n.numbers))
		}
		if y, _ := n.acquire(a); y.number != number {
			t.Errorf("%d, then %d", number, y.number)
		}
		if z, _ := n.acquire(b); z.number == number {
			t.Error("two files have one number")
		}
	})
	t.Run("keyed", func(t *testing.T) {
		x, _ := newNodes(root).number("a", 0)
		y, _ := newNodes(root).number("a", 0)
		if x == y {
			t.Error("two mounts have the same key")
		}
	})
	t.Run("root is 1, nothing is 0", func(t *testing.T) {
		for _, hash := range []uint64{0, 1, ^uint64(0)} {
			n := newNodes(root)
			n.hash = func(identity, fs.FileMode) uint64 { return hash }
			n.numbers[^uint64(0)] = n.root
			if r, err := n.acquire(root); err != nil || r != n.root || r.number != rootInode {
				t.Errorf("root is %+v, %v", r, err)
			}
			if x, _ := n.acquire(a); x.number != 2 {
				t.Errorf("hash %d: number %d, want 2", hash, x.number)
			}
		}
	})
	t.Run("equal hashes", func(t *testing.T) {
		n := newNodes(root)
		n.hash = func(identity, fs.FileMode) uint64 { return 7 }
		x, _ := n.acquire(a)
		if y, err := n.observe(b); x.number != 7 || y != 8 || err != nil {
			t.Errorf("numbers %d and %d, %v", x.number, y, err)
		}
		y, _ := n.acquire(b)
		n.release(x)
		if seen, _ := n.observe(b); y.number != 8 || seen != 8 {
			t.Errorf("the number of a live file went from %d to %d", y.number, seen)
		}
	})
	t.Run("type of a live file", func(t *testing.T) {
		n := newNodes(root)
		x, _ := n.acquire(a)
		dir := Attr{ID: "a", Mode: fs.ModeDir}
		if _, err := n.acquire(dir); err == nil {
			t.Error("acquired with another type")
		}
		if _, err := n.observe(dir); err == nil {
			t.Error("observed with another type")
		}
		n.release(x)
		if y, err := n.acquire(dir); err != nil || y.kind != fs.ModeDir {
			t.Errorf("afterwards %v, %v", y, err)
		}
	})
	t.Run("another tree", func(t *testing.T) {
		n := newNodes(root)
		x, _ := n.acquire(a)
		n.generation++
		if y, err := n.acquire(a); err != nil || x.number == y.number {
			t.Errorf("the same ID of another tree: %d and %d, %v", x.number, y.number, err)
		}
		if n.root.number != rootInode {
			t.Errorf("root is %d", n.root.number)
		}
	})
}
