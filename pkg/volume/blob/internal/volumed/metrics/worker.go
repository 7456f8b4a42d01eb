package metrics

import (
	"time"
)

// The slots of what changes often.
var (
	slotDown   = slot("volumed_transferred_bytes_total", "down")
	slotUp     = slot("volumed_transferred_bytes_total", "up")
	slotCache  = slot("volumed_disk_bytes", "cache")
	slotStaged = slot("volumed_disk_bytes", "staged")
)

// Counter counts what one open volume does. Its methods are those of a
// blob.Observer, with strings.
type Counter struct{ c *counts }

// NewCounter begins to count for a volume, in the daemon's directory for counts.
// It does so until the process ends.
func NewCounter(dir, volume string) (*Counter, error) {
	c, err := create(dir, volume)
	if err != nil {
		return nil, err
	}
	return &Counter{c}, nil
}

// Requested counts a request to the store. One of a kind that is not known is left out.
func (w *Counter) Requested(r string, took time.Duration, err error) {
	w.c.add(slot("volumed_requests_total", r, outcome(err)), 1)
	w.c.add(slot("volumed_request_seconds_total", r), uint64(took.Microseconds()))
}

// Transferred counts bytes from the store (down) and to it (up).
func (w *Counter) Transferred(down, up int64) {
	w.c.add(slotDown, uint64(down))
	w.c.add(slotUp, uint64(up))
}

// Cached counts an event of the cache.
func (w *Counter) Cached(e string) {
	w.c.add(slot("volumed_cache_events_total", e), 1)
}

// Disk sets the bytes that are in use on disk.
func (w *Counter) Disk(cache, staged int64) {
	w.c.set(slotCache, uint64(cache))
	w.c.set(slotStaged, uint64(staged))
}

// Uploading counts an upload when it ends.
func (w *Counter) Uploading(_ string, done, size int64, err error) {
	switch {
	case err != nil:
		w.c.add(slot("volumed_uploads_total", "error"), 1)
	case done == size:
		w.c.add(slot("volumed_uploads_total", "ok"), 1)
	}
}

// Waiting sets how many files have an upload that failed.
func (w *Counter) Waiting(files int) { w.c.set(slot("volumed_waiting_files"), uint64(files)) }

// Conflict counts another writer.
func (w *Counter) Conflict(string) { w.c.add(slot("volumed_conflicts_total"), 1) }
