package stores

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"
)

// Store is an open store.
type Store struct {
	Bucket *blob.Bucket

	// Location can be shown.
	Location Location

	// IfMatch makes a write fail with gcerrors.FailedPrecondition unless the
	// object still has the ETag, which is not empty. ReadIfMatch is the same for
	// reading. Both are nil where the store cannot compare: directories, memory.
	IfMatch     func(w *blob.WriterOptions, etag string)
	ReadIfMatch func(r *blob.ReaderOptions, etag string)

	// Status is that of the answer that an error is of, or 0. It is nil where there are
	// no answers: directories, memory.
	Status func(err error) int

	// PageObjects is how many objects to ask for at once, or 0.
	PageObjects int

	// ReaderETag returns the ETag of what is being read, as the attributes have it.
	// It is nil where a reader does not know it.
	ReaderETag func(r *blob.Reader) string
}

// Open opens a store. Nothing is asked of it yet.
func Open(ctx context.Context, l Location, c Credentials) (*Store, error) {
	if err := c.Check(l); err != nil {
		return nil, err
	}
	s := &Store{Location: l}
	var err error
	switch l.Scheme() {
	case "s3":
		s.Bucket, err = openS3(ctx, l.url, c)
		s.conditions(s3Write, s3Read)
		s.ReaderETag = s3ETag
	case "gs":
		s.Bucket, err = openGCS(ctx, l.url, c)
		s.conditions(newGenerations().conditions())
	case "azblob":
		s.Bucket, err = openAzure(ctx, l.url, c)
		s.conditions(azureWrite, azureRead)
		s.ReaderETag = azureETag
	case "file":
		s.Bucket, err = openDirectory(l)
		s.PageObjects = directoryPage
	case "mem":
		s.Bucket = memblob.OpenBucket(nil)
	default:
		err = fmt.Errorf("no store has the scheme %q; allowed: %s", l.Scheme(), schemeList())
	}
	if err != nil {
		return nil, err
	}
	if s.IfMatch != nil {
		s.Status = Status
	}
	return s, nil
}

// condition sets an ETag in the request that a driver shows through as.
type condition func(as func(any) bool, etag string) error

func (s *Store) conditions(write, read condition) {
	s.IfMatch = func(w *blob.WriterOptions, etag string) {
		w.BeforeWrite = func(as func(any) bool) error { return write(as, etag) }
	}
	s.ReadIfMatch = func(r *blob.ReaderOptions, etag string) {
		r.BeforeRead = func(as func(any) bool) error { return read(as, etag) }
	}
}

// errHidden means that a driver is not the one of the store's kind.
var errHidden = errors.New("the library does not show its request to the store")

// directoryPage is for a library that walks a directory from its beginning for each
// page.
const directoryPage = 100_000

// newTransport returns connections of this store's own, so that stores with
// different credentials share none, and many at once: a sandbox reads in
// parallel from one host.
func newTransport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = 64
	return t
}
