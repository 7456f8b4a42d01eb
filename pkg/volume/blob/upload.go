package blob

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"syscall"
	"time"

	"gocloud.dev/blob"
)

// uploadKey is the key of the metadata by which an upload of ours is known, where
// the answer was lost.
const uploadKey = "runsc-upload"

// content is what an object is to become.
type content struct {
	key  string
	src  io.ReaderAt
	size int64

	// The object as it must be now: a version, or not there. An object with one
	// of marks is there because of an earlier attempt.
	exists bool
	base   version
	marks  []string

	mark   string // of this attempt
	object *objectProperties
	mod    time.Time // kept in the metadata unless zero

	// send, if not nil, is asked before the end of the content is sent.
	send func() error

	// replace is set where it does not matter what the object is now.
	replace bool
}

// upload makes an object, or returns an error that isConflict if another writer
// did since. After an error the object is as it was, or has the mark.
func (s store) upload(ctx context.Context, c *content) (version, error) {
	for again := false; ; again = true {
		err := s.uploadOnce(ctx, c)
		if err == nil {
			return s.verify(ctx, c)
		}
		if again || isCanceled(err) || errors.Is(err, errShrunk) {
			return version{}, err
		}
		a, aerr := s.attributes(ctx, c.key)
		if isConflict(err) && aerr == nil && a.Metadata[uploadKey] == c.mark {
			return s.verify(ctx, c) // the library tried again, because an answer was lost
		}
		if !isConflict(err) {
			if aerr != nil || !c.refused(a) {
				return version{}, err
			}
			err = &StoreError{RequestWrite, c.key, syscall.ESTALE, err}
		}
		if aerr != nil || !slices.Contains(c.marks, a.Metadata[uploadKey]) {
			s.c.Observer.Conflict(c.key)
			return version{}, fmt.Errorf("another writer was here first: %w", err)
		}
		c.exists, c.base = true, versionOf(a)
	}
}

// refused reports whether another writer was first, after an upload that failed. A
// store that refuses a large one because of that may close the connection, which
// looks like any other failure.
func (c *content) refused(now *blob.Attributes) bool {
	mark := now.Metadata[uploadKey]
	ours := mark == c.mark || slices.Contains(c.marks, mark) || c.exists && c.base.same(versionOf(now))
	return !ours && !c.replace
}

func (s store) uploadOnce(ctx context.Context, c *content) error {
	o := s.writerOptions(c)
	switch {
	case c.replace:
	case !c.exists:
		o.IfNotExist = true
	case s.c.IfMatch != nil && c.base.etag != "":
		s.c.IfMatch(o, c.base.etag)
	default:
		a, err := s.attributes(ctx, c.key)
		if isNotFound(err) {
			return &StoreError{RequestWrite, c.key, syscall.ESTALE, err}
		} else if err != nil {
			return err
		}
		if got := versionOf(a); !c.base.same(got) {
			return changedError(RequestWrite, c.key, c.base, got)
		}
	}
	err := s.put(ctx, c.key, c.src, c.size, o, c.send)
	if c.exists && isNotFound(err) { // a condition on an object that is gone
		err = &StoreError{RequestWrite, c.key, syscall.ESTALE, err}
	}
	return err
}

func (s store) writerOptions(c *content) *blob.WriterOptions {
	o := &blob.WriterOptions{BufferSize: s.c.PartBytes, Metadata: map[string]string{}}
	if p := c.object; p != nil {
		o.CacheControl, o.ContentDisposition, o.ContentEncoding = p.cacheControl, p.contentDisposition, p.contentEncoding
		o.ContentLanguage, o.ContentType = p.contentLanguage, p.contentType
		maps.Copy(o.Metadata, p.metadata)
	}
	delete(o.Metadata, mtimeKey) // that of the old content
	if !c.mod.IsZero() {
		o.Metadata[mtimeKey] = formatTime(c.mod)
	}
	o.Metadata[uploadKey] = c.mark
	return o
}

// verify asks the store whether it has the whole object: only then an upload is
// acknowledged.
func (s store) verify(ctx context.Context, c *content) (version, error) {
	a, err := s.attributes(ctx, c.key)
	if err != nil {
		return version{}, fmt.Errorf("verify the upload: %w", err)
	}
	mark, has := a.Metadata[uploadKey]
	switch {
	case mark != c.mark && (has || s.marks.Load()):
		return version{}, s.replaced(RequestWrite, c.key, version{size: c.size}, versionOf(a))
	case a.Size != c.size:
		return version{}, &StoreError{RequestWrite, c.key, syscall.EIO,
			fmt.Errorf("the store has %d bytes of %d", a.Size, c.size)}
	}
	return versionOf(a), nil
}

// newMark is different each time.
func newMark() string { return rand.Text() }
