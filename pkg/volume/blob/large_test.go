package blob

import (
	"fmt"
	"testing"
	"time"
)

// A directory of many pages is read while its names are looked up, as ls -l and find
// do, and that takes longer than a listing is believed. It is listed once, and not for
// each part that is read.
func TestLargeDirectoryIsListedOnce(t *testing.T) {
	const n, part = 5 * pageSize, 100
	k := newKit(t, func(c *Config) { c.ListTTL = 1 })
	for i := range n {
		k.must(k.inner.WriteAll(k.ctx, fmt.Sprintf("d/%06d", i), nil, writerWith("x/y", nil)))
	}
	id := k.lookup("d").ID
	k.requests()
	names := 0
	for after := ""; ; {
		all, err := k.v.ReadDir(k.ctx, id, after, part)
		k.must(err)
		if len(all) == 0 {
			break
		}
		names += len(all)
		after = all[len(all)-1].Name
		_, err = k.v.Lookup(k.ctx, id, after)
		k.must(err)
	}
	if names != n {
		t.Fatalf("%d names, want %d", names, n)
	}
	// A look-up takes one for a page, and one for what is below the name.
	if lists := k.requests()[RequestList]; lists > n/pageSize+2*n/part+2 {
		t.Fatalf("%d listings", lists)
	}
	if l := k.v.(*writable).lists; l.count > 2*n {
		t.Fatalf("%d entries are remembered", l.count)
	}
	// Who begins again sees what is there now.
	k.must(k.inner.Delete(k.ctx, "d/000000"))
	all, err := k.v.ReadDir(k.ctx, id, "", 1)
	if err != nil || len(all) != 1 || all[0].Name != "000001" {
		t.Fatalf("%+v, %v", all, err)
	}
}

// A listing whose pages take longer than a listing is believed is believed when it is
// there.
func TestSlowListingIsBelieved(t *testing.T) {
	k := newKit(t, func(c *Config) { c.ListTTL = 50 * time.Millisecond })
	for i := range 2 * pageSize {
		k.must(k.inner.WriteAll(k.ctx, fmt.Sprintf("%06d", i), nil, writerWith("x/y", nil)))
	}
	k.relist()
	k.setDuring(func(r Request, _ string) {
		if r == RequestList {
			time.Sleep(60 * time.Millisecond) // a slow store
		}
	})
	root := k.lookup("").ID
	all, err := k.v.ReadDir(k.ctx, root, "", 10)
	k.must(err)
	k.requests()
	for _, e := range all[:5] {
		_, err := k.v.Lookup(k.ctx, root, e.Name)
		k.must(err)
	}
	if n := k.requests()[RequestList]; n > 0 {
		t.Fatalf("%d listings for what was listed just now", n)
	}
}

// A store that may be asked for more than object stores return is asked once.
func TestLargePages(t *testing.T) {
	k := newKit(t, func(c *Config) { c.PageObjects = 10 * pageSize })
	for i := range 3 * pageSize {
		k.must(k.inner.WriteAll(k.ctx, fmt.Sprintf("%06d", i), nil, writerWith("x/y", nil)))
	}
	k.relist()
	k.requests()
	_, err := k.v.ReadDir(k.ctx, k.lookup("").ID, "", 10)
	k.must(err)
	if n := k.requests()[RequestList]; n != 1 {
		t.Fatalf("%d listings", n)
	}
}
