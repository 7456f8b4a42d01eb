package blob

import (
	"context"
	"errors"
	"testing"

	"gocloud.dev/blob"
	"gocloud.dev/blob/driver"
	"gocloud.dev/blob/memblob"
	"gocloud.dev/gcerrors"
)

// condition is the driver's type of a precondition.
type condition struct{ etag string }

func ifMatch(o *blob.WriterOptions, etag string) {
	o.BeforeWrite = func(as func(any) bool) error {
		var c *condition
		if !as(&c) {
			return errors.New("the driver has no conditions")
		}
		c.etag = etag
		return nil
	}
}

func readIfMatch(o *blob.ReaderOptions, etag string) {
	w := &blob.WriterOptions{}
	ifMatch(w, etag)
	o.BeforeRead = w.BeforeWrite
}

// conditionOf returns what a caller wants of the object.
func conditionOf(before func(as func(any) bool) error) (c condition, err error) {
	if before == nil {
		return c, nil
	}
	return c, before(func(i any) bool {
		p, ok := i.(**condition)
		if ok {
			*p = &c
		}
		return ok
	})
}

type faultyWriter struct {
	f     *faulty
	ctx   context.Context
	x     fault
	key   string
	c     condition
	w     *blob.Writer
	abort context.CancelFunc
}

func (f *faulty) NewTypedWriter(ctx context.Context, key, contentType string, o *driver.WriterOptions) (driver.Writer, error) {
	x, err := f.begin(ctx, RequestWrite, key)
	if err != nil {
		return nil, err
	}
	w := &faultyWriter{f: f, ctx: ctx, x: x, key: key}
	if w.c, err = conditionOf(o.BeforeWrite); err != nil {
		return nil, err
	}
	inner, abort := context.WithCancel(context.WithoutCancel(ctx))
	w.abort = abort
	w.w, err = f.inner.NewWriter(inner, key, &blob.WriterOptions{ContentType: contentType, Metadata: o.Metadata, IfNotExist: o.IfNotExist})
	return w, err
}

func (w *faultyWriter) Write(p []byte) (int, error) { return w.w.Write(p) }

func (w *faultyWriter) Close() error {
	if w.x.late == nil {
		return w.close()
	}
	// The store goes on when the client is gone.
	close(w.x.ready)
	ctx, done := w.ctx, make(chan error, 1)
	w.ctx = context.WithoutCancel(ctx)
	go func() {
		<-w.x.late
		done <- w.close()
		close(w.x.landed)
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *faultyWriter) close() error {
	defer w.abort()
	w.f.commit.Lock()
	defer w.f.commit.Unlock()
	if w.c.etag != "" {
		a, err := w.f.inner.Attributes(context.Background(), w.key)
		if err != nil || a.ETag != w.c.etag {
			w.abort()
			w.w.Close()
			return errPrecondition
		}
	}
	if err := w.ctx.Err(); err != nil {
		w.abort()
		w.w.Close()
		return err
	}
	return errors.Join(w.w.Close(), w.x.after)
}

func (f *faulty) Close() error { return f.inner.Close() }

// errPrecondition is what a driver with conditions returns: an error of its own,
// with a code.
var errPrecondition = func() error {
	b := memblob.OpenBucket(nil)
	defer b.Close()
	ctx := context.Background()
	o := &blob.WriterOptions{IfNotExist: true}
	b.WriteAll(ctx, "x", nil, nil)
	return b.WriteAll(ctx, "x", nil, o)
}()

func TestConditionOfTheFake(t *testing.T) {
	if gcerrors.Code(errPrecondition) != gcerrors.FailedPrecondition {
		t.Fatalf("%v has code %v", errPrecondition, gcerrors.Code(errPrecondition))
	}
}

func (f *faulty) ErrorCode(err error) gcerrors.ErrorCode {
	if errors.Is(err, errFault) {
		return gcerrors.Unknown
	}
	return gcerrors.Code(err)
}
func (f *faulty) As(any) bool             { return false }
func (f *faulty) ErrorAs(error, any) bool { return false }
func (f *faulty) SignedURL(context.Context, string, *driver.SignedURLOptions) (string, error) {
	return "", errors.ErrUnsupported
}
