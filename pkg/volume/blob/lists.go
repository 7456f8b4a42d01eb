package blob

import (
	"container/list"
	"maps"
	"slices"
	"sync"
	"time"
)

// listing is what is known of one directory.
type listing struct {
	dir     string
	entries map[string]entry
	sorted  []string // names in order, nil if not known
	marker  bool

	// complete is set where entries is all that the directory has. Otherwise it
	// is too large, and each entry is as old as it says.
	complete bool
	at       time.Time     // when the store was asked
	took     time.Duration // to ask for all pages

	// last is the complete listing before one that is not: for who reads on.
	last     *listing
	modified time.Time // when a name was seen to come or go
	place    *list.Element
}

// flight is a request for a listing that is under way.
type flight struct {
	done chan struct{}
	n    *listing
	err  error

	// What this process changed meanwhile: the answer may be older.
	ops    map[string]entry // absent ones were removed
	marker *bool
}

// lists remembers listings, up to a number of entries.
type lists struct {
	ttl  time.Duration
	most int

	mu      sync.Mutex
	m       map[string]*listing
	lru     *list.List
	count   int
	flights map[string]*flight
}

func newLists(ttl time.Duration, most int) *lists {
	return &lists{ttl: ttl, most: most, m: map[string]*listing{}, lru: list.New(), flights: map[string]*flight{}}
}

// join returns a complete listing that may be believed, or else the flight for a
// directory, and whether the caller must fly it.
func (l *lists) join(dir string) (n *listing, f *flight, mine bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := l.fresh(dir); n != nil && n.complete {
		return n, nil, false
	}
	if f := l.flights[dir]; f != nil {
		return nil, f, false
	}
	f = &flight{done: make(chan struct{}), ops: map[string]entry{}}
	l.flights[dir] = f
	return nil, f, true
}

// land ends a flight. Without an error, the listing is remembered.
func (l *lists) land(f *flight, n *listing, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f.n, f.err, n.took = n, err, time.Since(n.at)
	if l.flights[n.dir] == f { // not forgotten meanwhile
		delete(l.flights, n.dir)
		if err == nil {
			l.keep(f, n)
		}
	}
	close(f.done)
}

func (l *lists) keep(f *flight, n *listing) {
	old := l.m[n.dir]
	for name, e := range f.ops {
		if n.entries[name] = e; e.absent && n.complete {
			delete(n.entries, name)
		}
	}
	if f.marker != nil {
		n.marker = *f.marker
	}
	if old != nil {
		n.modified = old.modified
		if n.complete && old.complete && !sameNames(n.entries, old.entries) {
			n.modified = time.Now()
		}
		l.remove(old)
	}
	if old != nil && !n.complete {
		if n.last = old.last; old.complete {
			n.last = old
		}
	}
	l.m[n.dir], n.place = n, l.lru.PushBack(n)
	l.count += n.size()
	l.trim(n)
}

// size is how many entries a listing counts for.
func (n *listing) size() int {
	size := len(n.entries) + 1
	if n.last != nil {
		size += len(n.last.entries)
	}
	return size
}

// trim forgets the listings that were not used for longest, but not keep.
func (l *lists) trim(keep *listing) {
	for e := l.lru.Front(); e != nil && l.count > l.most; {
		n := e.Value.(*listing)
		e = e.Next()
		if n != keep {
			l.remove(n)
		}
	}
}

func (l *lists) remove(n *listing) {
	delete(l.m, n.dir)
	l.lru.Remove(n.place)
	l.count -= n.size()
}

func sameNames(a, b map[string]entry) bool {
	return maps.EqualFunc(a, b, func(entry, entry) bool { return true })
}

// fresh returns a listing that may be believed. One of many pages may be older by the
// time that they took: else it could be out of date when it is there. The lock is held.
func (l *lists) fresh(dir string) *listing {
	n := l.m[dir]
	if n == nil || time.Since(n.at) > l.ttl+n.took {
		return nil
	}
	l.lru.MoveToBack(n.place)
	return n
}

// get returns an entry, and whether what it says may be believed. An absent entry
// is known not to exist. large is set where the directory is known to be too
// large for a listing.
func (l *lists) get(dir, name string) (e entry, known, large bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.fresh(dir)
	if n == nil {
		return entry{}, false, false
	}
	e, ok := n.entries[name]
	switch {
	case ok:
		return e, n.complete || time.Since(e.at) <= l.ttl, !n.complete
	case n.complete:
		return entry{absent: true}, true, false
	}
	return entry{}, false, true
}

// page returns up to limit entries after a name.
func (l *lists) page(n *listing, after string, limit int) (part []entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n.sorted == nil {
		n.sorted = slices.Sorted(maps.Keys(n.entries))
	}
	i, found := slices.BinarySearch(n.sorted, after)
	if found {
		i++
	}
	for _, name := range n.sorted[i:min(len(n.sorted), i+max(limit, 0))] {
		part = append(part, n.entries[name])
	}
	return part
}

// entry returns what a listing says of a name.
func (l *lists) entry(n *listing, name string) entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e, ok := n.entries[name]; ok {
		return e
	}
	return entry{absent: true}
}

// others reports whether a directory has an object of its own or a name other
// than the given one.
func (l *lists) others(n *listing, name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, has := n.entries[name]
	return n.marker || len(n.entries) > 1 || len(n.entries) == 1 && !has
}

// begun returns the complete listing that who reads a directory has begun with, or
// a later one, however old it is, or nil.
func (l *lists) begun(dir string) *listing {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.m[dir]
	if n != nil && !n.complete {
		n = n.last
	}
	return n
}

// complete returns a complete listing that may be believed, or nil.
func (l *lists) complete(dir string) *listing {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := l.fresh(dir); n != nil && n.complete {
		return n
	}
	return nil
}
