package volume

import (
	"hash/maphash"
	"io/fs"
	"sync"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/lisafs"
)

// rootInode is the inode number of the root, whatever tree is below it.
const rootInode = 1

// identity is what makes a file the same file for the sandbox. Two trees that are
// served one after the other at one mount are two generations, because their IDs
// may be equal by chance.
type identity struct {
	generation uint64
	id         ID
}

// node is a file that the sandbox refers to. All control FDs of one file share
// it, whatever names they were found by.
type node struct {
	identity
	number uint64 // the inode number
	kind   fs.FileMode
	refs   int // under nodes.mu

	// engine is what the engine locks the file by. It has no parent: the engine's
	// tree of names is not true of a volume that others change as well, and where
	// a rename makes a loop of it, the mount hangs (pkg/lisafs/handlers.go,
	// notifyRenameRecursive).
	engine lisafs.Node

	mu   sync.Mutex
	last Attr // what was known last
}

// nodes gives files inode numbers. The number of a file is a keyed hash of its
// identity, so that it is stable and nothing has to be remembered; the key keeps
// the sandbox from looking for collisions. Files that are referred to are in a
// table: if two have the same hash, the second has another number as long as the
// first lives. The sentry takes equal numbers for hard links of one file.
type nodes struct {
	hash func(identity, fs.FileMode) uint64
	root *node // lives as long as the mount

	mu         sync.Mutex
	generation uint64
	live       map[identity]*node
	numbers    map[uint64]*node
}

// newNodes makes a table with a root, which is acquired for good.
func newNodes(root Attr) *nodes {
	seed := maphash.MakeSeed()
	type key struct {
		identity
		kind fs.FileMode
	}
	t := &nodes{
		hash: func(i identity, kind fs.FileMode) uint64 {
			return maphash.Comparable(seed, key{i, kind})
		},
		live:    make(map[identity]*node),
		numbers: make(map[uint64]*node),
	}
	t.root = &node{identity: identity{id: root.ID}, number: rootInode, kind: fs.ModeDir, refs: 1, last: root}
	t.root.engine.InitLocked("", nil)
	t.live[t.root.identity] = t.root
	t.numbers[rootInode] = t.root
	return t
}

// acquire returns the node of a file, with a reference. A file that has another
// type than before is ESTALE: the sentry panics if it learns of that
// (pkg/sentry/fsimpl/gofer/lisafs_inode.go, updateMetadataFromStatxLocked).
func (t *nodes) acquire(a Attr) (*node, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n, number, err := t.find(a.ID, a.Mode.Type())
	if err != nil {
		return nil, err
	}
	if n == nil {
		n = &node{identity: identity{t.generation, a.ID}, number: number, kind: a.Mode.Type()}
		n.engine.InitLocked("", nil)
		t.live[n.identity] = n
		t.numbers[number] = n
	}
	n.refs++
	n.remember(a)
	return n, nil
}

// again takes one more reference to a node that is alive.
func (t *nodes) again(n *node) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n.refs++
}

func (t *nodes) release(n *node) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n.refs--; n.refs == 0 {
		delete(t.live, n.identity)
		delete(t.numbers, n.number)
	}
}

// observe returns the inode number that a file has, or would have if it was
// referred to. Its errors are those of acquire.
func (t *nodes) observe(a Attr) (uint64, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n, number, err := t.find(a.ID, a.Mode.Type())
	if n != nil && err == nil {
		n.remember(a)
	}
	return number, err
}

// number is observe for a file of which only the type is known.
func (t *nodes) number(id ID, kind fs.FileMode) (uint64, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, number, err := t.find(id, kind)
	return number, err
}

// find returns a file's node, if there is one, and its number.
func (t *nodes) find(id ID, kind fs.FileMode) (*node, uint64, error) {
	i := identity{t.generation, id}
	n := t.live[i]
	switch {
	case n == nil:
		return nil, t.free(i, kind), nil
	case n.kind != kind:
		return n, 0, changedType(n, kind)
	}
	return n, n.number, nil
}

// free returns a number that no live file has. Zero is none: readdir(3) skips it.
func (t *nodes) free(i identity, kind fs.FileMode) uint64 {
	number := t.hash(i, kind)
	for t.numbers[number] != nil || number == 0 {
		number++
	}
	return number
}

func changedType(n *node, kind fs.FileMode) error {
	f := broken("file %q changed its type from %v to %v; a changed file needs another ID", n.id, n.kind, kind).(*fault)
	f.errno = unix.ESTALE
	return f
}

// remember keeps what was learnt of a file.
func (n *node) remember(a Attr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.last = a
}

// known returns what was learnt last.
func (n *node) known() Attr {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.last
}
