package memory

import (
	"io/fs"
	"slices"
	"time"

	"github.com/directfs/runsc/pkg/volume"
)

const permissions = fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky

// node is a file. Its volume's lock guards it.
type node struct {
	attr   volume.Attr
	xattrs map[string][]byte
	open   int // handles

	// Of a directory: its entries, their names in ascending order, and where
	// it is itself (nil for the root).
	entries map[string]*node
	names   []string
	parent  *node

	target string // of a symbolic link

	// Of a regular file: its content, and up to which offset Allocate reserved
	// space.
	content  content
	reserved int64

	charged int64 // bytes that this node counts in the volume, xattrs apart
}

func (n *node) isDir() bool { return n.attr.Mode.IsDir() }

// linked says whether the file has a name.
func (n *node) linked() bool { return n.attr.Links > 0 }

// modified is called when the content of a file or directory changed.
func (n *node) modified() {
	now := time.Now()
	n.attr.ModTime, n.attr.ChangeTime = now, now
}

// changed is called when only attributes did.
func (n *node) changed() { n.attr.ChangeTime = time.Now() }

func (n *node) close() {
	if n.content != nil {
		n.content.close()
	}
}

// insert gives child a name that is free. It does not count links.
func (n *node) insert(name string, child *node) {
	i, _ := slices.BinarySearch(n.names, name)
	n.names = slices.Insert(n.names, i, name)
	n.entries[name] = child
	if child.isDir() {
		child.parent = n
		n.attr.Links++
	}
	n.modified()
}

// detach takes a name away. It does not count the links of what had it.
func (n *node) detach(name string) {
	i, _ := slices.BinarySearch(n.names, name)
	n.names = slices.Delete(n.names, i, i+1)
	if n.entries[name].isDir() {
		n.attr.Links--
	}
	delete(n.entries, name)
	n.modified()
}

// within says whether n is dir or below it.
func (n *node) within(dir *node) bool {
	for ; n != nil; n = n.parent {
		if n == dir {
			return true
		}
	}
	return false
}
