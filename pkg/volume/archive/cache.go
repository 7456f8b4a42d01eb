package archive

import (
	"container/list"
	"fmt"
	"os"
	"sync"
	"syscall"
)

// cache keeps unpacked members, the last used ones that fit.
type cache struct {
	store *store

	mu      sync.Mutex
	max     int64
	used    int64
	donated int64      // never dropped: a sandbox may hold on to them for ever
	idle    *list.List // of *unpacked that nobody uses, the last used first
	all     map[*unpacked]bool
}

// unpacked is the content of a member.
type unpacked struct {
	member *member
	file   *os.File
	size   int64 // in whole pages
	users  int
	given  bool // donated
	idle   *list.Element
}

func newCache(s *store, max int64) *cache {
	return &cache{store: s, max: roundUp(max), idle: list.New(), all: map[*unpacked]bool{}}
}

const page = 4096

func roundUp(size int64) int64 { return (size + page - 1) / page * page }

// use returns what a member was unpacked to, or nil.
func (c *cache) use(m *member) *unpacked {
	c.mu.Lock()
	defer c.mu.Unlock()
	u := m.unpacked
	if u == nil {
		return nil
	}
	u.users++
	if u.idle != nil {
		c.idle.Remove(u.idle)
		u.idle = nil
	}
	return u
}

// reserve makes room, by dropping what nobody uses.
func (c *cache) reserve(size int64) (*unpacked, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	u := &unpacked{size: roundUp(size), users: 1}
	for c.used+u.size > c.max && c.idle.Len() > 0 {
		c.drop(c.idle.Back().Value.(*unpacked))
	}
	if c.used+u.size > c.max {
		return nil, fmt.Errorf("archive: open or donated files fill Options.CacheSize, %d bytes: %w", c.max, syscall.ENOMEM)
	}
	c.used += u.size
	return u, nil
}

func (c *cache) drop(u *unpacked) {
	c.idle.Remove(u.idle)
	u.member.unpacked = nil
	u.file.Close()
	delete(c.all, u)
	c.used -= u.size
}

// cancel gives back what was reserved.
func (c *cache) cancel(u *unpacked) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.used -= u.size
}

func (c *cache) fill(m *member, u *unpacked, f *os.File) {
	c.mu.Lock()
	defer c.mu.Unlock()
	u.member, u.file, m.unpacked = m, f, u
	c.all[u] = true
}

func (c *cache) release(u *unpacked) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if u.users--; u.users == 0 && !u.given {
		u.idle = c.idle.PushFront(u)
	}
}

// donate returns the file, while there is room for files that are never dropped.
func (c *cache) donate(u *unpacked) *os.File {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.store.donates() || !u.given && c.donated+u.size > c.max/2 {
		return nil
	}
	if !u.given {
		u.given = true
		c.donated += u.size
	}
	return u.file
}

// close drops everything; nobody uses it any more.
func (c *cache) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for u := range c.all {
		u.file.Close()
	}
	return c.store.close()
}
