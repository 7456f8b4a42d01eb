package hostdir

import (
	"container/list"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/directfs/runsc/pkg/volume"
)

// maxPlaces is how many names of one file are known.
const maxPlaces = 16

// maxDepth is how deep in the volume a file can be.
const maxDepth = 1 << 12

// place is a name in a directory.
type place struct {
	dir  *node
	name string
}

// node is a file whose ID was given out.
//
// What a node is named by lives as long as the node: a node with children or open
// handles is not forgotten, the others are in table.idle.
type node struct {
	id       volume.ID
	places   []place // the last seen first; of a directory at most one
	children int     // places that are in this directory
	handles  []*handle
	idle     *list.Element
}

// table finds nodes by their ID. It is bounded: beyond max nodes, those that
// were not used for longest are forgotten.
type table struct {
	mu        sync.Mutex
	root      *node
	nodes     map[volume.ID]*node
	idle      *list.List // of *node, the last used first
	max       int
	forgotten bool
}

func newTable(root volume.ID, max int) table {
	n := &node{id: root}
	return table{root: n, nodes: map[volume.ID]*node{root: n}, idle: list.New(), max: max}
}

// get returns the node of an ID. One that is not known may have been forgotten.
func (t *table) get(id volume.ID) (*node, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n, ok := t.nodes[id]
	switch {
	case ok:
		t.settle(n)
		return n, nil
	case t.forgotten:
		return nil, unix.ESTALE
	}
	return nil, fs.ErrNotExist
}

// learn notes that a name leads to a file.
func (t *table) learn(dir *node, name string, a volume.Attr) *node {
	t.mu.Lock()
	defer t.mu.Unlock()
	n, ok := t.nodes[a.ID]
	if !ok {
		n = &node{id: a.ID}
		t.nodes[a.ID] = n
	}
	if n != t.root {
		t.place(n, place{dir, name})
	}
	t.settle(n)
	t.shrink()
	return n
}

// move notes that a file has another name.
func (t *table) move(n *node, from, to place) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.unplace(n, from)
	t.place(n, to)
	t.settle(n)
}

// lose notes that a name does not lead to a file any more.
func (t *table) lose(n *node, p place) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.unplace(n, p)
	t.settle(n)
}

func (t *table) opened(n *node, h *handle) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n.handles = append(n.handles, h)
	t.settle(n)
}

func (t *table) closed(n *node, h *handle) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n.handles = slices.DeleteFunc(n.handles, func(o *handle) bool { return o == h })
	t.settle(n)
}

func (t *table) place(n *node, p place) {
	if slices.Contains(n.places, p) {
		return
	}
	if len(n.places) == maxPlaces {
		t.unplace(n, n.places[maxPlaces-1])
	}
	n.places = slices.Insert(n.places, 0, p)
	p.dir.children++
	t.settle(p.dir)
}

func (t *table) unplace(n *node, p place) {
	if i := slices.Index(n.places, p); i >= 0 {
		n.places = slices.Delete(n.places, i, i+1)
		p.dir.children--
		t.settle(p.dir)
	}
}

// settle decides whether a node stays, may be forgotten, or is gone.
func (t *table) settle(n *node) {
	if n.idle != nil {
		t.idle.Remove(n.idle)
		n.idle = nil
	}
	switch {
	case t.nodes[n.id] != n || n == t.root || n.children > 0 || len(n.handles) > 0:
	case len(n.places) == 0:
		delete(t.nodes, n.id)
	default:
		n.idle = t.idle.PushFront(n)
	}
}

// shrink forgets nodes. Calls in progress go on with theirs: these were used
// last, and are far from the end of the list.
func (t *table) shrink() {
	for len(t.nodes) > t.max && t.idle.Len() > 0 {
		n := t.idle.Back().Value.(*node)
		for len(n.places) > 0 {
			t.unplace(n, n.places[0])
		}
		t.settle(n)
		t.forgotten = true
	}
}

// paths returns the known paths of a file, relative to the root.
func (t *table) paths(n *node) []knownPath {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n == t.root {
		return []knownPath{{path: "."}}
	}
	var all []knownPath
	for _, p := range n.places {
		if path, ok := t.path(p); ok {
			all = append(all, knownPath{path, p})
		}
	}
	return all
}

func (t *table) places(n *node) []place {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(n.places)
}

type knownPath struct {
	path string
	last place
}

func (t *table) path(p place) (string, bool) {
	names := []string{p.name}
	for p.dir != t.root {
		// Others may move directories while these are looked up, so that what is
		// known of them together is no tree.
		if len(p.dir.places) == 0 || len(names) == maxDepth {
			return "", false
		}
		p = p.dir.places[0]
		names = append(names, p.name)
	}
	slices.Reverse(names)
	return strings.Join(names, "/"), true
}
