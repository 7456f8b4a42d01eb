package blob

import (
	"context"
	"os"
	"testing"
	"time"
)

// A listing that was made before this process changed something, and arrives
// later.
func TestLateListing(t *testing.T) {
	k := newKit(t, nil, "d/old", "d/gone")
	dir := k.lookup("d").ID
	release, asked := make(chan struct{}), make(chan struct{})
	k.set(func(r Request, key string) fault {
		if r == RequestList && key == "d/" {
			close(asked)
			return fault{late: release}
		}
		return fault{}
	})
	done := make(chan error)
	go func() { _, err := k.v.ReadDir(k.ctx, dir, "", 10); done <- err }()
	<-asked
	w := k.v.(*writable)
	w.lists.set("d/", entryOf("d/new", version{size: 1, mod: time.Now()}))
	w.lists.set("d/", entry{name: "gone", absent: true})
	close(release)
	k.must(<-done)
	k.wantNames("d", "new old")
}

// Content that was read before this process replaced the object by one of the same
// size and, as far as the store says, the same time.
func TestLateContent(t *testing.T) {
	k := newKit(t, nil, "a")
	k.seconds = true
	k.relist()
	release, read := make(chan struct{}), make(chan struct{})
	k.failOn(RequestRead, fault{late: release, ready: read})
	ctx, cancel := context.WithCancel(k.ctx)
	id, done := k.lookup("a").ID, make(chan error)
	go func() { _, err := k.v.Open(ctx, id, ro); done <- err }()
	<-read
	cancel()
	if err := <-done; !isCanceled(err) {
		t.Fatal(err)
	}
	w := k.v.(*writable)
	w.mu.Lock()
	late := w.fetches["a"]
	w.mu.Unlock()
	k.heal()
	k.must(k.remove("a", false))
	k.write("a", "CONTENT OF A")
	close(release)
	k.must(late.wait(k.ctx))
	k.wantFile("a", "CONTENT OF A")
}

// A handle is closed after the volume, which could not upload its file.
func TestLateClose(t *testing.T) {
	for name, c := range map[string]struct {
		with    fault
		outcome Outcome
	}{
		"failed":   {fault{before: errFault}, Uploaded},
		"conflict": {fault{before: errPrecondition}, Conflict},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKit(t, nil)
			h := k.create("a")
			k.writeAt(h, "mine", 0)
			k.failOn(RequestWrite, c.with)
			if err := k.v.Close(k.ctx); err == nil {
				t.Fatal("closed without an error")
			}
			ctx, cancel := contextWithTimeout(k, 5*time.Second)
			defer cancel()
			k.wantErr(h.Close(ctx), os.ErrClosed)
			k.heal()
			if c.outcome == Conflict {
				k.put("a", "theirs")
			}
			found, err := Recover(k.ctx, k.c)
			if err != nil || len(found) != 1 || found[0].Outcome != c.outcome {
				t.Fatalf("%+v, %v", found, err)
			}
			k.open() // for who closes it
		})
	}
}

// The store has all of an upload when the file is removed, and makes the object,
// whoever waits for it: it must not come after the removal.
func TestRemoveWaitsForStore(t *testing.T) {
	k := newKit(t, nil)
	h := k.create("a")
	k.writeAt(h, "x", 0)
	late := fault{late: make(chan struct{}), ready: make(chan struct{}), landed: make(chan struct{})}
	k.failOn(RequestWrite, late)
	flushed, removed := make(chan error, 1), make(chan error, 1)
	go func() { flushed <- h.Flush(k.ctx) }()
	<-late.ready
	go func() { removed <- k.remove("a", false) }()
	select {
	case err := <-removed:
		removed <- err
	case <-time.After(50 * time.Millisecond): // it waits, or is slow
	}
	close(late.late)
	<-late.landed
	k.must(<-removed)
	k.must(<-flushed)
	k.must(h.Close(k.ctx))
	k.wantNoObject("a")
}
