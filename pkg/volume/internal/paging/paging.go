// Package paging serves sorted directory listings page by page, without reading
// a directory again for every page.
package paging

import "sync"

// What is kept of all directories together. Beyond it the oldest is dropped, and
// whoever goes on there reads the directory again.
const (
	maxPlaces  = 16
	maxEntries = 1 << 17
)

// Pages remembers, where a page ended, what comes after it. The zero value is
// ready for use.
type Pages[T any] struct {
	mu      sync.Mutex
	rest    map[place][]T
	order   []place
	entries int
}

// place is the end of a page: a directory and the last name of the page.
type place struct{ dir, after string }

// Take returns what comes after a page, and forgets it: a listing is used once,
// so that whoever begins anew sees what the directory holds then.
func (p *Pages[T]) Take(dir, after string) ([]T, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := place{dir, after}
	rest, ok := p.rest[at]
	p.drop(at)
	return rest, ok
}

// Keep remembers what comes after a page, which is not empty.
func (p *Pages[T]) Keep(dir, after string, rest []T) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := place{dir, after}
	p.drop(at)
	if len(rest) > maxEntries {
		return
	}
	for len(p.order) >= maxPlaces || p.entries+len(rest) > maxEntries {
		p.drop(p.order[0])
	}
	if p.rest == nil {
		p.rest = map[place][]T{}
	}
	p.rest[at] = rest
	p.order = append(p.order, at)
	p.entries += len(rest)
}

func (p *Pages[T]) drop(at place) {
	rest, ok := p.rest[at]
	if !ok {
		return
	}
	delete(p.rest, at)
	p.entries -= len(rest)
	for i, o := range p.order {
		if o == at {
			p.order = append(p.order[:i], p.order[i+1:]...)
			return
		}
	}
}
