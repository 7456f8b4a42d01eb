package blob

import "time"

// Request is a kind of request to the store.
type Request string

// The requests.
const (
	RequestList       Request = "list"
	RequestAttributes Request = "attributes"
	RequestRead       Request = "read"
	RequestWrite      Request = "write"
	RequestCopy       Request = "copy"
	RequestDelete     Request = "delete"
)

// CacheEvent is what happened to an object in the cache on disk.
type CacheEvent string

// The events.
const (
	CacheHit      CacheEvent = "hit"
	CacheMiss     CacheEvent = "miss"
	CacheEviction CacheEvent = "eviction"
	CachePrefetch CacheEvent = "prefetch"
)

// Observer learns what a volume does. Its methods are called concurrently and
// must return at once.
type Observer interface {
	// Requested is called after each request. For reads and writes, took
	// includes the content. A nil error includes that an object was not found.
	Requested(r Request, took time.Duration, err error)

	// Transferred counts content that came from the store or went there.
	Transferred(downBytes, upBytes int64)

	// Cached counts what happens in the cache.
	Cached(e CacheEvent)

	// Disk is called with the bytes in use when they change.
	Disk(cacheBytes, stageBytes int64)

	// Uploading follows one upload: done grows to size. It is called with
	// done == size when the object is complete, and with a non-nil error when
	// the upload failed.
	Uploading(key string, done, size int64, err error)

	// Waiting is called with the number of files that are closed and not in the
	// store, when it changes. Their uploads failed, and are tried again.
	Waiting(files int)

	// Conflict is called when another writer was noticed.
	Conflict(key string)
}

// nobody is the Observer of who wants none.
type nobody struct{}

func (nobody) Requested(Request, time.Duration, error) {}
func (nobody) Transferred(int64, int64)                {}
func (nobody) Cached(CacheEvent)                       {}
func (nobody) Disk(int64, int64)                       {}
func (nobody) Uploading(string, int64, int64, error)   {}
func (nobody) Waiting(int)                             {}
func (nobody) Conflict(string)                         {}
