package blob

import (
	"context"
	"fmt"
	"syscall"
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

// Large listings are made one at a time, and whoever waits does so no longer than its
// call may. Others go on.
func TestLargeListingsWait(t *testing.T) {
	k := newKit(t, func(c *Config) { c.ListEntries = 10_000 }, "small/a")
	for _, dir := range []string{"first", "second"} {
		for i := range 2 * pageSize {
			k.must(k.inner.WriteAll(k.ctx, fmt.Sprintf("%s/%06d", dir, i), nil, writerWith("x/y", nil)))
		}
	}
	k.relist()
	first, second := k.lookup("first").ID, k.lookup("second").ID
	pages, asked, release := 0, make(chan struct{}), make(chan struct{})
	k.set(func(r Request, key string) fault {
		if r != RequestList || key != "first/" {
			return fault{}
		}
		if pages++; pages == 2 {
			return fault{late: release, ready: asked}
		}
		return fault{}
	})
	done := make(chan error)
	go func() { _, err := k.v.ReadDir(k.ctx, first, "", 10); done <- err }()
	<-asked
	ctx, cancel := contextWithTimeout(k, 50*time.Millisecond)
	defer cancel()
	_, err := k.v.ReadDir(ctx, second, "", 10)
	k.wantErr(err, context.DeadlineExceeded)
	k.wantNames("small", "a")
	close(release)
	k.must(<-done)
	_, err = k.v.ReadDir(k.ctx, second, "", 10)
	k.must(err)
}

// Long names count for more, because they take more memory.
func TestLargeDirectoryOfLongNames(t *testing.T) {
	k := newKit(t, func(c *Config) { c.ListEntries = 1500 })
	for i := range 1100 {
		k.must(k.inner.WriteAll(k.ctx, fmt.Sprintf("d/%0250d", i), nil, writerWith("x/y", nil)))
	}
	k.relist()
	_, err := k.v.ReadDir(k.ctx, k.lookup("d").ID, "", 10)
	k.wantErr(err, syscall.EFBIG)
	k.lookup("d/" + fmt.Sprintf("%0250d", 1099))
}
