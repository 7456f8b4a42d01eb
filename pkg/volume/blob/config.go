package blob

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"time"

	"gocloud.dev/blob"
)

// Config says what a volume is and what it may use. Zero fields have the values
// of DefaultConfig, where that has one.
type Config struct {
	// Bucket is the store. It is the caller's to close, after the volume.
	Bucket *blob.Bucket

	// Prefix begins the key of every object of the volume. It is empty or ends
	// with a slash.
	Prefix string

	// ReadOnly makes a volume that cannot be written.
	ReadOnly bool

	// Dir is a directory of the host for cached and staged files. It belongs to
	// one volume at a time, which is enforced with a lock. What a crash leaves
	// in it is seen by Recover.
	Dir string

	// CacheBytes bounds the whole objects that are kept in Dir, those that are
	// open included. An object larger than CacheObjectBytes is not kept; it is
	// read in ranges, and cannot be mapped where the mount's cache is shared.
	CacheBytes, CacheObjectBytes int64

	// StageBytes bounds the files in Dir that are written: from the first write
	// until the last handle is closed and the content is in the store. Writers
	// get ENOSPC above it.
	StageBytes int64

	// StageRoom, if not nil, is asked before these files take so many bytes of the
	// disk in all, their records included, and told when they take less. An error is
	// ENOSPC for who writes. It is called with a lock held, and by one at a time.
	StageRoom func(bytes int64) error

	// MemoryBytes bounds the buffers of ranged reads.
	MemoryBytes int64

	// ListEntries bounds the names that are remembered of all directories. A
	// directory that has more cannot be listed (EFBIG); its files can be opened. A
	// name counts once more for each 128 bytes of its key.
	ListEntries int

	// PageObjects is how many objects a request for a listing asks for. Object stores
	// return 1000 at most; a directory is walked as a whole for each request.
	PageObjects int

	// ListTTL is how long listings and attributes are believed.
	ListTTL time.Duration

	// RequestTimeout bounds a request to the store; one that moves content has
	// in addition the time that its bytes take at MinRate, in bytes per second.
	RequestTimeout time.Duration
	MinRate        int64

	// RetryAfter is when an upload that failed is tried again, once the file is closed
	// and unless it is open for writing again. It doubles with each failure, up to five minutes.
	RetryAfter time.Duration

	// Requests is how many requests of one kind may run at once: that fetch content
	// ahead, that copy objects, that upload a part.
	Requests int

	// PartBytes is the size of the parts of a large upload, and PartRequests how
	// many of one object are uploaded at once. Each is in memory, so that uploads
	// use up to Requests times PartBytes.
	PartBytes, PartRequests int

	// PrefetchObjectBytes is how large an object may be that is fetched because a
	// neighbour was opened, and PrefetchFiles how many are fetched ahead. Negative
	// values turn it off.
	PrefetchObjectBytes int64
	PrefetchFiles       int

	// RenameObjects is how many objects a directory may have to be renamed. Above
	// it, rename is EXDEV, after which mv(1) copies and deletes.
	RenameObjects int

	// KeepTimes keeps modification times in the metadata of objects (key "mtime",
	// in seconds). Each file then costs a request of its own when it is first
	// looked at. Without it, a file's time is that of its upload.
	KeepTimes bool

	// FileMode and DirMode are the permissions of all files and directories, UID
	// and GID their owner: objects have none.
	FileMode, DirMode fs.FileMode
	UID, GID          uint32

	// KeepStaged is how long Recover keeps what it cannot upload, since it found that
	// first. Nobody was told that it is stored.
	KeepStaged time.Duration

	// IfMatch, if not nil, makes an upload fail with gcerrors.FailedPrecondition
	// unless the object has the ETag. Without it, the object's attributes are
	// compared right before the upload, which leaves a moment for another writer.
	IfMatch func(w *blob.WriterOptions, etag string)

	// ReadIfMatch is the same for a read. Without it, size and time are compared.
	ReadIfMatch func(r *blob.ReaderOptions, etag string)

	// ReaderETag, if not nil, returns the ETag of what is being read, or "". Without
	// it, an object that was replaced by one of the same size within the same
	// second may be taken for the same, where the store's times are in seconds.
	ReaderETag func(r *blob.Reader) string

	// Status, if not nil, returns the HTTP status that the store answered, where an
	// error is of an answer, or 0. Without it the codes of gocloud.dev count. They are
	// not exact: Google's 403 is one of an object that is not there.
	Status func(err error) int

	// Logger and Observer learn of requests and transfers. Both may be nil.
	Logger   *slog.Logger
	Observer Observer
}

// DefaultConfig has no bucket and no directory.
var DefaultConfig = Config{
	CacheBytes:          4 << 30,
	CacheObjectBytes:    64 << 20,
	StageBytes:          16 << 30,
	MemoryBytes:         256 << 20,
	ListEntries:         500_000,
	PageObjects:         pageSize,
	ListTTL:             5 * time.Second,
	RequestTimeout:      20 * time.Second,
	MinRate:             1 << 20,
	RetryAfter:          10 * time.Second,
	Requests:            16,
	PartBytes:           8 << 20,
	PartRequests:        4,
	PrefetchObjectBytes: 128 << 10,
	PrefetchFiles:       128,
	RenameObjects:       1000,
	KeepStaged:          7 * 24 * time.Hour,
	FileMode:            0o644,
	DirMode:             0o755,
}

// ErrConfig is wrapped by the errors of a Config that cannot be used.
var ErrConfig = errors.New("invalid blob volume configuration")

// withDefaults returns the configuration with defaults filled in, checked.
func (c Config) withDefaults() (Config, error) {
	d := DefaultConfig
	setDefault(&c.CacheBytes, d.CacheBytes)
	setDefault(&c.CacheObjectBytes, min(d.CacheObjectBytes, c.CacheBytes))
	setDefault(&c.StageBytes, d.StageBytes)
	setDefault(&c.MemoryBytes, d.MemoryBytes)
	setDefault(&c.ListEntries, d.ListEntries)
	setDefault(&c.PageObjects, d.PageObjects)
	setDefault(&c.ListTTL, d.ListTTL)
	setDefault(&c.RequestTimeout, d.RequestTimeout)
	setDefault(&c.MinRate, d.MinRate)
	setDefault(&c.RetryAfter, d.RetryAfter)
	setDefault(&c.Requests, d.Requests)
	setDefault(&c.PartBytes, d.PartBytes)
	setDefault(&c.PartRequests, d.PartRequests)
	setDefault(&c.PrefetchObjectBytes, d.PrefetchObjectBytes)
	setDefault(&c.PrefetchFiles, d.PrefetchFiles)
	setDefault(&c.RenameObjects, d.RenameObjects)
	setDefault(&c.KeepStaged, d.KeepStaged)
	setDefault(&c.FileMode, d.FileMode)
	setDefault(&c.DirMode, d.DirMode)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Observer == nil {
		c.Observer = nobody{}
	}
	return c, c.check()
}

// Check returns what Open would refuse, an error that wraps ErrConfig.
func (c Config) Check() error {
	_, err := c.withDefaults()
	return err
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func (c Config) check() error {
	fail := func(format string, args ...any) error {
		return fmt.Errorf("%w: "+format, append([]any{ErrConfig}, args...)...)
	}
	switch {
	case c.Bucket == nil:
		return fail("no bucket")
	case c.Dir == "":
		return fail("no directory for cached and staged files")
	case c.Prefix != "" && !strings.HasSuffix(c.Prefix, "/"):
		return fail("prefix %q must end with a slash", c.Prefix)
	case c.CacheObjectBytes > c.CacheBytes:
		return fail("an object of up to %d bytes does not fit in a cache of %d", c.CacheObjectBytes, c.CacheBytes)
	case c.MemoryBytes < chunkBytes:
		return fail("ranged reads need %d bytes of memory, not %d", chunkBytes, c.MemoryBytes)
	case c.FileMode&^fs.ModePerm != 0 || c.DirMode&^fs.ModePerm != 0:
		return fail("modes %v and %v: only permissions are allowed", c.FileMode, c.DirMode)
	}
	for name, n := range map[string]int64{
		"cache": c.CacheBytes, "cached object": c.CacheObjectBytes, "stage": c.StageBytes,
		"list entries": int64(c.ListEntries), "objects of a page": int64(c.PageObjects), "list TTL": int64(c.ListTTL),
		"time before an upload is tried again": int64(c.RetryAfter),
		"request timeout":                      int64(c.RequestTimeout), "minimum rate": c.MinRate,
		"requests": int64(c.Requests), "part size": int64(c.PartBytes),
		"part requests": int64(c.PartRequests), "rename objects": int64(c.RenameObjects),
		"time for staged files": int64(c.KeepStaged),
	} {
		if n < 0 {
			return fail("%s is negative", name)
		}
	}
	return nil
}
