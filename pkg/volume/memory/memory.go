package memory

import (
	"context"
	"io/fs"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/directfs/runsc/pkg/volume"
)

const (
	// DefaultMaxBytes is the bound of a volume whose Options name none.
	DefaultMaxBytes = 1 << 30

	// DefaultMaxFiles is the same for its files.
	DefaultMaxFiles = 100_000
)

// Syscalls is what [volume.Backend.Syscalls] needs for volumes that donate files.
// Others need nothing.
var Syscalls = []string{"fchmod", "ftruncate"}

// Options says what a volume may hold. The zero value is a bounded volume that
// donates nothing, whose root belongs to user 0 and has the permissions 0755.
type Options struct {
	// MaxBytes bounds the content of files, the targets of symbolic links and
	// the extended attributes. Holes count. Above it, syscall.ENOSPC. Zero is
	// DefaultMaxBytes.
	MaxBytes int64

	// MaxFiles bounds how many files of any type there are, together with how many
	// names beyond the first and how many extended attributes they have. A removed
	// file counts until it is closed. Above it, syscall.ENOSPC. Zero is
	// DefaultMaxFiles.
	MaxFiles int64

	// DonateFiles keeps the content of every file in a memfd, memfd_create(2),
	// so that handles are donors. That costs two FDs for each regular file. It
	// needs /proc when a file is created; where that is missing, the file works
	// and its HostFile is nil.
	DonateFiles bool
}

// Volume is a tree of files in memory. It implements [volume.Writable] and every
// optional interface of package volume but RootDonor. IDs count up, so none is
// used twice.
type Volume struct {
	options Options

	mu    sync.RWMutex // guards everything below, the nodes included
	root  *node
	nodes map[volume.ID]*node // every file that has a name or is open
	last  uint64
	bytes int64 // what all nodes are charged for, at most options.MaxBytes
	files int64 // at most options.MaxFiles
}

var (
	_ volume.Writable      = (*Volume)(nil)
	_ volume.Symlinker     = (*Volume)(nil)
	_ volume.Linker        = (*Volume)(nil)
	_ volume.XattrWriter   = (*Volume)(nil)
	_ volume.UsageReporter = (*Volume)(nil)
)

// New returns an empty volume.
func New(o Options) *Volume {
	if o.MaxBytes == 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	if o.MaxFiles == 0 {
		o.MaxFiles = DefaultMaxFiles
	}
	v := &Volume{options: o, nodes: map[volume.ID]*node{}}
	v.root = v.add(fs.ModeDir, volume.NewFile{Perm: 0o755})
	v.files = 1
	return v
}

// add makes a node that has no name yet. Its place among options.MaxFiles is the
// caller's to charge.
func (v *Volume) add(fileType fs.FileMode, f volume.NewFile) *node {
	v.last++
	now := time.Now()
	n := &node{attr: volume.Attr{
		ID:    volume.ID(strconv.FormatUint(v.last, 10)),
		Mode:  fileType | f.Perm&permissions,
		UID:   f.UID,
		GID:   f.GID,
		Links: 1, ModTime: now, AccessTime: now, ChangeTime: now,
	}}
	if fileType.IsDir() {
		n.attr.Links, n.entries = 2, map[string]*node{}
	}
	v.nodes[n.attr.ID] = n
	return n
}

// node returns the file with an ID. One that was removed and is not open is
// fs.ErrNotExist.
func (v *Volume) node(id volume.ID) (*node, error) {
	if n := v.nodes[id]; n != nil {
		return n, nil
	}
	return nil, fs.ErrNotExist
}

func (v *Volume) directory(id volume.ID) (*node, error) {
	n, err := v.node(id)
	if err != nil {
		return nil, err
	}
	if !n.isDir() {
		return nil, syscall.ENOTDIR
	}
	return n, nil
}

// change runs f, which may change anything.
func (v *Volume) change(ctx context.Context, f func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return f()
}

// look runs f, which changes nothing.
func (v *Volume) look(ctx context.Context, f func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	v.mu.RLock()
	defer v.mu.RUnlock()
	return f()
}

// Close frees what the files hold.
func (v *Volume) Close(context.Context) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, n := range v.nodes {
		n.close()
	}
	clear(v.nodes)
	return nil
}
