package blob

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/directfs/runsc/pkg/volume"
	"github.com/directfs/runsc/pkg/volume/blob/internal/disk"
	"github.com/directfs/runsc/pkg/volume/blob/internal/ids"
	"github.com/directfs/runsc/pkg/volume/blob/internal/names"
)

// tree is a volume that can be read.
type tree struct {
	c      Config
	s      store
	disk   *disk.Dir
	ids    *ids.Table
	lists  *lists
	ranges *ranges
	opened time.Time

	// ctx is that of transfers, which go on when who asked for them gave up.
	ctx    context.Context
	cancel context.CancelFunc
	tasks  sync.WaitGroup

	// names is held, with a weight of 1, by whoever changes names, and as a whole
	// by who moves a directory. locked has the directories in which a name is
	// being changed.
	names  *semaphore.Weighted
	idle   *semaphore.Weighted // for requests ahead of need
	locked keyLocks

	queued atomic.Int64 // files to be fetched ahead

	changes atomic.Uint64 // of objects, by this process

	mu      sync.Mutex
	inodes  map[volume.ID]*inode       // open, or with content that is not in the store
	byKey   map[string]*inode          // those that have a name
	fresh   map[string]map[string]bool // directory to names of files that are not in the store
	fetches map[string]*task
	ahead   map[string]*window // by directory

	waiting  map[volume.ID]bool // closed files whose upload failed
	retrying bool               // somebody cares for them
}

// wholeTree is the weight of all names.
const wholeTree = 1 << 30

// Open opens a volume. What it returns implements volume.Writable, unless
// c.ReadOnly is set, and volume.UsageReporter. Files that a crash left staged stay
// until Recover takes them, which should run before.
func Open(ctx context.Context, c Config) (volume.Volume, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	d, err := disk.Open(c.Dir, c.limits())
	if err != nil {
		return nil, fmt.Errorf("blob volume: %w", err)
	}
	v := &tree{
		c: c, disk: d, ids: ids.New(), lists: newLists(c.ListTTL, c.ListEntries),
		ranges: newRanges(c.MemoryBytes), opened: time.Now(), names: semaphore.NewWeighted(wholeTree),
		idle:   semaphore.NewWeighted(int64(c.Requests)),
		locked: keyLocks{held: map[string]chan struct{}{}},
		inodes: map[volume.ID]*inode{}, byKey: map[string]*inode{},
		fresh: map[string]map[string]bool{}, fetches: map[string]*task{}, ahead: map[string]*window{},
		waiting: map[volume.ID]bool{},
	}
	v.s = newStore(&v.c)
	v.ctx, v.cancel = context.WithCancel(context.WithoutCancel(ctx))
	if _, err := v.listing(ctx, c.Prefix, pageSize); err != nil {
		v.cancel()
		d.Close()
		return nil, fmt.Errorf("blob volume: %w", err)
	}
	if c.ReadOnly {
		return v, nil
	}
	return &writable{v}, nil
}

func (c Config) limits() disk.Limits {
	return disk.Limits{
		CacheBytes: c.CacheBytes, StageBytes: c.StageBytes, Room: c.StageRoom,
		Changed: c.Observer.Disk, Evicted: func() { c.Observer.Cached(CacheEviction) },
	}
}

func (v *tree) root() entry { return entry{key: v.c.Prefix, dir: true} }

// Root implements volume.Volume.
func (v *tree) Root(context.Context) (volume.Attr, error) { return v.attr(v.root()), nil }

// Lookup implements volume.Volume.
func (v *tree) Lookup(ctx context.Context, dir volume.ID, name string) (volume.Attr, error) {
	key, err := v.dirKey(string(dir))
	if err != nil {
		return volume.Attr{}, err
	}
	if in := v.unsaved(key + name); in != nil {
		return in.attr(), nil
	}
	e, err := v.find(ctx, key, name)
	if err != nil {
		return volume.Attr{}, err
	}
	return v.current(ctx, key, key+name, e)
}

// current returns the attributes of an entry, those of the open file if there is
// one. An open file whose object was replaced is not that of the name any more.
func (v *tree) current(ctx context.Context, dir, key string, e entry) (volume.Attr, error) {
	e, err := v.keepTime(ctx, dir, e)
	if isNotFound(err) {
		e.absent = true
	} else if err != nil {
		return volume.Attr{}, err
	}
	if !e.absent {
		key = e.key
	} else if e.name == "" {
		_, e.name = names.Split(key, false)
	}
	e, in, err := v.fileOf(ctx, dir, key, e)
	switch {
	case err != nil:
		return volume.Attr{}, err
	case in != nil:
		return in.attr(), nil
	case e.absent:
		return volume.Attr{}, fs.ErrNotExist
	}
	return v.attr(e), nil
}

// fileOf returns the file in use that an entry is, or nil. One whose object was
// replaced by another writer is not that of the name any more.
func (v *tree) fileOf(ctx context.Context, dir, key string, e entry) (entry, *inode, error) {
	for {
		in := v.named(key)
		if in == nil || e.dir {
			return e, nil, nil
		}
		if in.is(e) {
			return e, in, nil
		}
		// What was found may be older than what was done since.
		before := in.state()
		again, err := v.find(ctx, dir, e.name)
		if err != nil {
			return e, nil, err
		}
		if e = again; !in.is(e) && v.retire(in, key, before) {
			return e, nil, nil
		}
	}
}

// Stat implements volume.Volume.
func (v *tree) Stat(ctx context.Context, id volume.ID) (volume.Attr, error) {
	if in := v.openInode(id); in != nil {
		return in.attr(), nil
	}
	kind, key, ok := v.ids.Key(string(id))
	switch {
	case !ok:
		return volume.Attr{}, fs.ErrNotExist
	case kind == ids.Dir && key == v.c.Prefix:
		return v.attr(v.root()), nil
	}
	dir, e, err := v.findKey(ctx, kind, key)
	if err != nil {
		return volume.Attr{}, err
	}
	return v.current(ctx, dir, key, e)
}

// ReadDir implements volume.Volume.
func (v *tree) ReadDir(ctx context.Context, id volume.ID, after string, limit int) ([]volume.Entry, error) {
	dir, err := v.dirKey(string(id))
	if err != nil {
		return nil, err
	}
	n, err := v.full(ctx, dir, after)
	if err != nil {
		return nil, err
	}
	limit = max(limit, 1)
	all := v.freshEntries(dir, after)
	for _, e := range v.lists.page(n, after, limit) {
		a := v.attr(e)
		all = append(all, volume.Entry{Name: e.name, ID: a.ID, Type: a.Mode.Type()})
	}
	if len(all) == 0 && after == "" && dir != v.c.Prefix && !v.lists.others(n, "") {
		return nil, fs.ErrNotExist // a directory is there as long as it has objects
	}
	slices.SortStableFunc(all, func(a, b volume.Entry) int { return cmp.Compare(a.Name, b.Name) })
	all = slices.CompactFunc(all, func(a, b volume.Entry) bool { return a.Name == b.Name })
	return all[:min(len(all), limit)], nil
}

// freshEntries lists files of a directory that are not in the store yet.
func (v *tree) freshEntries(dir, after string) (all []volume.Entry) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for name := range v.fresh[dir] {
		if in := v.byKey[dir+name]; in != nil && name > after {
			all = append(all, volume.Entry{Name: name, ID: in.id})
		}
	}
	return all
}

// Usage implements volume.UsageReporter. A bucket has no size: it is the space
// for what is written and not uploaded yet.
func (v *tree) Usage(context.Context) (volume.Usage, error) {
	_, staged := v.disk.Used()
	total := v.c.StageBytes
	return volume.Usage{Bytes: uint64(total), FreeBytes: uint64(max(0, total-staged))}, nil
}

// checkKey is ENAMETOOLONG where a store has no such key.
func checkKey(key string) error {
	if len(key) > names.MaxKey {
		return fmt.Errorf("object keys have at most %d bytes: %w", names.MaxKey, syscall.ENAMETOOLONG)
	}
	return nil
}
