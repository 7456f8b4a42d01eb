package blob

import (
	"strings"
	"time"
)

// set notes what this process did or saw: an entry that is there, or absent.
func (l *lists) set(dir string, e entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e.at = time.Now()
	if f := l.flights[dir]; f != nil {
		f.ops[e.name] = e
	}
	if n := l.m[dir]; n != nil {
		l.put(n, e)
	}
}

// learn notes what the store said of one name, asked at a time, unless something
// that is newer is known.
func (l *lists) learn(dir string, e entry, asked time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.m[dir]
	if n == nil || !n.at.Before(asked) || n.complete && !n.modified.Before(asked) {
		return
	}
	if known, ok := n.entries[e.name]; ok && !known.at.Before(asked) {
		return
	}
	e.at = asked
	l.put(n, e)
}

// put changes an entry of a listing. The lock is held.
func (l *lists) put(n *listing, e entry) {
	before, was := n.entries[e.name]
	if e.absent == (was && !before.absent) {
		n.modified, n.sorted = e.at, nil
	}
	l.count -= len(n.entries)
	if !n.complete && len(n.entries) >= l.most {
		clear(n.entries)
		n.at = time.Now() // for learn: what this process did is forgotten
	}
	if n.entries[e.name] = e; e.absent && n.complete {
		delete(n.entries, e.name)
	}
	l.count += len(n.entries)
	l.trim(n)
}

// setMarker notes that a directory has an object of its own, or has none.
func (l *lists) setMarker(dir string, marker bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if f := l.flights[dir]; f != nil {
		f.marker = &marker
	}
	if n := l.m[dir]; n != nil {
		n.marker = marker
	}
}

// touch notes that names came or went that only this process knows.
func (l *lists) touch(dir string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := l.m[dir]; n != nil {
		n.modified = time.Now()
	}
}

// changed returns when a directory changed, as far as it is known.
func (l *lists) changed(dir string, otherwise time.Time) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := l.m[dir]; n != nil && !n.modified.IsZero() {
		return n.modified
	}
	return otherwise
}

// forget drops the listings of a directory and of all below it, and what is on its
// way.
func (l *lists) forget(dir string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range l.m {
		if strings.HasPrefix(n.dir, dir) {
			l.remove(n)
		}
	}
	for d := range l.flights {
		if strings.HasPrefix(d, dir) {
			delete(l.flights, d)
		}
	}
}
