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
	if o.BeforeWrite != nil {
		err := o.BeforeWrite(func(i any) bool {
			p, ok := i.(**condition)
			if ok {
				*p = &w.c
			}
			return ok
		})
		if err != nil {
			return nil, err
		}
	}
	inner, abort := context.WithCancel(ctx)
	w.abort = abort
	w.w, err = f.inner.NewWriter(inner, key, &blob.WriterOptions{ContentType: contentType, Metadata: o.Metadata, IfNotExist: o.IfNotExist})
	return w, err
}

func (w *faultyWriter) Write(p []byte) (int, error) { return w.w.Write(p) }

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
