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
		if !isConflict(err) || again {
			return version{}, err
		}
		a, aerr := s.attributes(ctx, c.key)
		if aerr != nil || !slices.Contains(c.marks, a.Metadata[uploadKey]) {
			s.c.Observer.Conflict(c.key)
			return version{}, fmt.Errorf("another writer was here first: %w", err)
		}
		c.exists, c.base = true, versionOf(a)
	}
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
	err := s.put(ctx, c.key, c.src, c.size, o)
	if c.exists && isNotFound(err) { // a condition on an object that is gone
		err = &StoreError{RequestWrite, c.key, syscall.ESTALE, err}
	}
	return err
}

func (s store) writerOptions(c *content) *blob.WriterOptions {
	o := &blob.WriterOptions{BufferSize: s.c.PartBytes, MaxConcurrency: s.c.PartRequests, Metadata: map[string]string{}}
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
	case has && mark != c.mark:
		s.c.Observer.Conflict(c.key)
		return version{}, changedError(RequestWrite, c.key, version{size: c.size}, versionOf(a))
	case a.Size != c.size:
		return version{}, &StoreError{RequestWrite, c.key, syscall.EIO,
			fmt.Errorf("the store has %d bytes of %d", a.Size, c.size)}
	}
	return versionOf(a), nil
}

// newMark is different each time.
func newMark() string { return rand.Text() }

// upload is an upload of a file that is under way. Changes up to seq are in it.
type upload struct {
	*task
	seq uint64
}

// sync returns nil when all changes made before the call are in the store.
func (in *inode) sync(ctx context.Context) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	for want, shrunk := in.seq, 0; ; {
		if in.removed || !in.dirty || in.saved >= want {
			return nil
		}
		u := in.up
		if u == nil {
			u = &upload{}
			u.task = in.v.start(func(ctx context.Context) error { return in.upload(ctx, u) })
			in.up = u
		}
		in.mu.Unlock()
		err := u.wait(ctx)
		in.mu.Lock()
		switch {
		case err == nil || in.removed:
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, errShrunk) && shrunk < 3:
			shrunk++
		case u.seq >= want || u.seq == 0:
			return err
		}
	}
}

// upload runs one upload of what the file has now. Writers are not held up.
func (in *inode) upload(ctx context.Context, u *upload) (err error) {
	defer func() {
		in.mu.Lock()
		in.up = nil
		in.conflict = isConflict(err)
		in.mu.Unlock()
	}()
	if err := in.busy.lock(ctx); err != nil {
		return err
	}
	defer in.busy.unlock()
	return in.uploadBusy(ctx, u, in.keyNow(), false)
}

// uploadBusy uploads to a key, which is the file's unless it is being renamed.
// busy is held.
func (in *inode) uploadBusy(ctx context.Context, u *upload, key string, replace bool) error {
	in.mu.Lock()
	if in.removed || !in.dirty {
		in.mu.Unlock()
		return nil
	}
	u.seq = in.seq
	c := in.contentNow(key, replace)
	in.mu.Unlock()
	got, err := in.v.s.upload(ctx, c)
	if err != nil {
		return err
	}
	in.uploaded(u.seq, got, c)
	return nil
}

// contentNow notes in the record what is being uploaded. in.mu is held.
func (in *inode) contentNow(key string, replace bool) *content {
	c := &content{
		key: key, src: in.file, size: in.size, exists: in.exists, base: in.base, replace: replace,
		marks: in.record.Uploads, mark: newMark(), object: in.object,
	}
	if key != in.key { // a rename
		c.exists, c.base, c.marks = false, version{}, nil
	}
	if in.v.c.KeepTimes {
		c.mod = in.mod
	}
	r := in.record
	r.Complete, r.Uploads = true, append(slices.Clone(r.Uploads), c.mark)
	r.Metadata = in.v.s.writerOptions(c).Metadata
	if err := in.file.Mark(r); err != nil {
		// Then a crash reports the file as incomplete or as a conflict.
		in.v.c.Logger.Warn("cannot update the record of a staged file", "key", key, "error", err)
		in.record.Uploads = r.Uploads
		return c
	}
	in.record = r
	return c
}

// uploaded is called when the changes up to seq are in the store.
func (in *inode) uploaded(seq uint64, got version, c *content) {
	in.mu.Lock()
	e := entryOf(c.key, got)
	e.looked, e.kept = true, c.mod
	in.v.seen(e)
	in.base, in.exists, in.saved = got, true, seq
	in.record.Uploads = nil
	if in.object == nil {
		in.object = &objectProperties{}
	}
	var err error
	if in.seq == seq {
		in.dirty = false
		if !in.v.c.KeepTimes {
			in.mod = time.Time{}
		}
		err = in.file.Unmark()
	} else {
		r := in.record
		r.Exists, r.BaseETag, r.BaseSize, r.BaseTime, r.Complete = true, got.etag, got.size, got.mod, false
		if err = in.file.Mark(r); err == nil {
			in.record = r
		}
	}
	in.mu.Unlock()
	in.v.mu.Lock()
	in.v.setFresh(c.key, false)
	in.v.mu.Unlock()
	if err != nil {
		in.v.c.Logger.Warn("the record of an uploaded file is out of date", "key", c.key, "error", err)
	}
}
