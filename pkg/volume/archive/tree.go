package archive

import (
	"cmp"
	"context"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/directfs/runsc/pkg/volume"
)

// node is a file of an archive.
type node struct {
	id      volume.ID
	mode    fs.FileMode
	size    int64
	owner   Owner
	links   uint32
	modTime time.Time
	target  string // of a symbolic link
	open    func(ctx context.Context) (volume.Handle, error)

	byName   map[string]*node // of a directory, while the tree is built
	children []child          // then, sorted by name
}

type child struct {
	name string
	*node
}

// builder makes a tree of an archive's entries, or finds what is wrong with them.
type builder struct {
	o       Options
	nodes   []*node // the root first; a node's ID is its index
	entries int     // of the archive, with those that repeat a directory
	text    int64   // bytes of names and targets
	size    int64   // bytes of all files
}

func newBuilder(o Options) *builder {
	b := &builder{o: o}
	b.newDir()
	return b
}

// newDir makes a directory that the archive leaves out.
func (b *builder) newDir() *node {
	n := &node{mode: fs.ModeDir | 0o755, byName: map[string]*node{}}
	if b.o.Owner != nil {
		n.owner = *b.o.Owner
	}
	b.number(n)
	return n
}

func (b *builder) number(n *node) {
	n.id = volume.ID(strconv.Itoa(len(b.nodes)))
	b.nodes = append(b.nodes, n)
}

// count is called once for each entry.
func (b *builder) count(name string) error {
	if b.entries++; b.entries > b.o.MaxEntries {
		return refuse(name, ErrLimit, "more than %d entries", b.o.MaxEntries)
	}
	return nil
}

// weigh is called for each regular file.
func (b *builder) weigh(name string, size int64) error {
	if size < 0 || size > b.o.MaxFileSize {
		return refuse(name, ErrLimit, "its size is %d bytes, allowed are %d", size, b.o.MaxFileSize)
	}
	if b.size += size; b.size > b.o.MaxTotalSize {
		return refuse(name, ErrLimit, "with it, all files have %d bytes, allowed are %d", b.size, b.o.MaxTotalSize)
	}
	return nil
}

// add gives a file a name. A directory has a slash at the end, or none.
func (b *builder) add(path string, n *node) error {
	dir := n.mode.IsDir()
	names, err := b.split(path, dir)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		if !dir {
			return refuse(path, ErrName, "it is the root")
		}
		b.nodes[0].become(n)
		return nil
	}
	parent, err := b.parent(path, names)
	if err != nil {
		return err
	}
	name := names[len(names)-1]
	old, ok := parent.byName[name]
	if ok && old.mode.IsDir() && dir {
		old.become(n)
		return nil
	}
	if ok {
		return refuse(path, ErrDuplicate, "the name was there before")
	}
	if n.id == "" {
		b.number(n)
	}
	if dir {
		n.byName = map[string]*node{}
	} else {
		n.links++
	}
	return b.name(path, parent, name, n)
}

// become takes the attributes of a later entry for the same directory.
func (n *node) become(later *node) {
	n.mode, n.owner, n.modTime = later.mode, later.owner, later.modTime
}

// parent returns the directory for the last of the names, and makes what is
// missing.
func (b *builder) parent(path string, names []string) (*node, error) {
	dir := b.nodes[0]
	for _, name := range names[:len(names)-1] {
		next, ok := dir.byName[name]
		if !ok {
			next = b.newDir()
			if err := b.name(path, dir, name, next); err != nil {
				return nil, err
			}
		}
		if !next.mode.IsDir() {
			return nil, refuse(path, ErrDuplicate, "%q is no directory", name)
		}
		dir = next
	}
	return dir, nil
}

func (b *builder) name(path string, dir *node, name string, n *node) error {
	if len(b.nodes)-1 > b.o.MaxEntries { // the root is none of them
		return refuse(path, ErrLimit, "more than %d files and directories", b.o.MaxEntries)
	}
	if err := b.note(path, name); err != nil {
		return err
	}
	dir.byName[name] = n
	return nil
}

// note counts the bytes of names and targets.
func (b *builder) note(path, text string) error {
	if b.text += int64(len(text)); b.text > b.o.MaxIndexBytes {
		return refuse(path, ErrLimit, "more than %d bytes of names and targets", b.o.MaxIndexBytes)
	}
	return nil
}

// split returns the names of a path, none for the root.
func (b *builder) split(path string, dir bool) ([]string, error) {
	p := path
	for strings.HasPrefix(p, "./") {
		p = p[len("./"):]
	}
	if dir && (p == "." || p == "" && path != "") {
		return nil, nil
	}
	if dir {
		p = strings.TrimSuffix(p, "/")
	}
	if n := strings.Count(p, "/") + 1; n > b.o.MaxDepth {
		return nil, refuse(path, ErrLimit, "it has %d parts, allowed are %d", n, b.o.MaxDepth)
	}
	names := strings.Split(p, "/")
	for _, name := range names {
		if why := badName(name); why != "" {
			return nil, refuse(path, ErrName, "%s", why)
		}
	}
	return names, nil
}

func badName(name string) string {
	switch {
	case name == "":
		return "it is absolute, or has an empty part"
	case name == "." || name == "..":
		return "it has the part " + name
	case strings.ContainsRune(name, 0):
		return "it has a zero byte"
	case len(name) > 255:
		return "a part has " + strconv.Itoa(len(name)) + " bytes, allowed are 255"
	}
	return ""
}

// find returns the file that an earlier entry gave a path.
func (b *builder) find(path string) (*node, bool) {
	names, err := b.split(path, false)
	if err != nil {
		return nil, false
	}
	n := b.nodes[0]
	for _, name := range names {
		next, ok := n.byName[name]
		if !ok {
			return nil, false
		}
		n = next
	}
	return n, true
}

// finish returns the files by their ID.
func (b *builder) finish() []*node {
	for _, n := range b.nodes {
		for name, c := range n.byName {
			n.children = append(n.children, child{name, c})
		}
		slices.SortFunc(n.children, func(a, b child) int { return cmp.Compare(a.name, b.name) })
		n.byName = nil
	}
	return b.nodes
}
