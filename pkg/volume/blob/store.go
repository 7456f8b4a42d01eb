package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"syscall"
	"time"

	"gocloud.dev/blob"
	"golang.org/x/sync/semaphore"
)

// store makes requests to the bucket, bounds their time, and tells the observer.
type store struct {
	bucket *blob.Bucket
	c      *Config
	parts  *semaphore.Weighted // of uploads, which have a buffer each
	large  mutex               // of listings
	marks  *atomic.Bool        // set once the store was seen to keep uploadKey
}

func newStore(c *Config) store {
	return store{bucket: c.Bucket, c: c, parts: semaphore.NewWeighted(int64(c.Requests)), large: newMutex(), marks: new(atomic.Bool)}
}

// partsOf is how many parts of an upload are in memory at once.
func (c *Config) partsOf(size int64) int64 {
	return max(1, min(size/int64(c.PartBytes), int64(c.PartRequests), int64(c.Requests)))
}

// request runs one request that moves about size bytes.
func (s store) request(ctx context.Context, r Request, key string, size int64, f func(context.Context) error) error {
	timeout := s.c.RequestTimeout + time.Duration(float64(size)/float64(s.c.MinRate)*float64(time.Second))
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	start := time.Now()
	err := s.c.storeError(r, key, f(ctx))
	seen := err
	if isNotFound(err) {
		seen = nil
	}
	s.c.Observer.Requested(r, time.Since(start), seen)
	if seen != nil && !errors.Is(seen, context.Canceled) {
		s.c.Logger.Warn("request failed", "request", string(r), "key", key, "error", err)
	}
	return err
}

func (s store) attributes(ctx context.Context, key string) (a *blob.Attributes, err error) {
	err = s.request(ctx, RequestAttributes, key, 0, func(ctx context.Context) error {
		a, err = s.bucket.Attributes(ctx, key)
		return err
	})
	if err == nil && a.Metadata[uploadKey] != "" {
		s.marks.Store(true)
	}
	return a, err
}

func (s store) readerOptions(want version) *blob.ReaderOptions {
	o := &blob.ReaderOptions{}
	if s.c.ReadIfMatch != nil && want.etag != "" {
		s.c.ReadIfMatch(o, want.etag)
	}
	return o
}

func (s store) versionRead(r *blob.Reader) version {
	got := version{size: r.Size(), mod: r.ModTime()}
	if s.c.ReaderETag != nil {
		got.etag = s.c.ReaderETag(r)
	}
	return got
}

// read fills pieces with content from an offset on, of the wanted version, and calls
// filled after each. A store that sends less is EIO, another version ESTALE.
func (s store) read(ctx context.Context, key string, want version, off int64, pieces [][]byte, filled func()) error {
	var size int64
	for _, p := range pieces {
		size += int64(len(p))
	}
	return s.request(ctx, RequestRead, key, size, func(ctx context.Context) error {
		r, err := s.bucket.NewRangeReader(ctx, key, off, size, s.readerOptions(want))
		if err != nil {
			return err
		}
		defer r.Close()
		if got := s.versionRead(r); !want.same(got) {
			return changedError(RequestRead, key, want, got) // perhaps by this process
		}
		at, end := off, off+size
		for _, p := range pieces {
			n, err := io.ReadFull(r, p)
			s.c.Observer.Transferred(int64(n), 0)
			if at += int64(n); err != nil {
				return lengthError(key, err, at, end)
			}
			filled()
		}
		return nil
	})
}

// download writes a whole object to w, if it is not larger than most (EFBIG),
// and returns its version.
func (s store) download(ctx context.Context, key string, want version, most int64, w io.Writer) (got version, err error) {
	err = s.request(ctx, RequestRead, key, max(want.size, 0), func(ctx context.Context) error {
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		r, err := s.bucket.NewReader(ctx, key, s.readerOptions(want))
		if err != nil {
			return err
		}
		defer r.Close()
		got = s.versionRead(r)
		if got.size > most {
			return &StoreError{RequestRead, key, syscall.EFBIG, fmt.Errorf("%d bytes, more than %d", got.size, most)}
		}
		n, err := receive(w, r, got.size, stop)
		s.c.Observer.Transferred(n, 0)
		return lengthError(key, err, n, got.size)
	})
	return got, err
}

// lengthError is EIO where the store sent more or less than it announced. A full
// disk stays one.
func lengthError(key string, err error, got, want int64) error {
	switch {
	case isFull(err):
		return &StoreError{RequestRead, key, syscall.ENOSPC, err}
	case err == nil && got == want:
		return nil
	case err == nil || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF):
		return &StoreError{RequestRead, key, syscall.EIO, fmt.Errorf("the store sent %d bytes and announced %d", got, want)}
	}
	return err
}

// errShrunk means that the source of an upload was truncated meanwhile.
var errShrunk = errors.New("the file became shorter during its upload")

// put uploads size bytes of src. Unless it returns nil, the object is as before,
// or complete where only the answer was lost. It asks send, if not nil, before the
// store can have all of it.
func (s store) put(ctx context.Context, key string, src io.ReaderAt, size int64, o *blob.WriterOptions, send func() error) error {
	o.MaxConcurrency = int(s.c.partsOf(size))
	if err := s.parts.Acquire(ctx, int64(o.MaxConcurrency)); err != nil {
		return err
	}
	defer s.parts.Release(int64(o.MaxConcurrency))
	err := s.request(ctx, RequestWrite, key, size, func(ctx context.Context) error {
		ctx, abort := context.WithCancel(ctx)
		defer abort()
		w, err := s.bucket.NewWriter(ctx, key, o)
		if err != nil {
			return err
		}
		p := &progress{w: w, s: s, key: key, size: size}
		n, err := copyBuffer(p, io.NewSectionReader(src, 0, size))
		if err == nil && n != size {
			err = errShrunk
		}
		if err == nil && send != nil {
			err = send()
		}
		if err != nil {
			abort()
			w.Close()
			return err
		}
		return w.Close()
	})
	s.c.Observer.Uploading(key, size, size, err)
	return err
}

// progress tells the observer how far an upload is.
type progress struct {
	w          io.Writer
	s          store
	key        string
	done, size int64
}

func (p *progress) Write(b []byte) (int, error) {
	n, err := p.w.Write(b)
	p.done += int64(n)
	p.s.c.Observer.Transferred(0, int64(n))
	if p.done < p.size {
		p.s.c.Observer.Uploading(p.key, p.done, p.size, nil)
	}
	return n, err
}

func (s store) copy(ctx context.Context, to, from string, size int64) error {
	return s.request(ctx, RequestCopy, from, size, func(ctx context.Context) error {
		return s.bucket.Copy(ctx, to, from, nil)
	})
}

// delete removes an object. One that is not there is removed already.
func (s store) delete(ctx context.Context, key string) error {
	err := s.request(ctx, RequestDelete, key, 0, func(ctx context.Context) error {
		return s.bucket.Delete(ctx, key)
	})
	return ignoreNotFound(err)
}
