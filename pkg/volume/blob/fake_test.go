package blob

import (
	"cmp"
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/driver"
	"gocloud.dev/blob/memblob"
)

// fault is what a request does instead of what it should.
type fault struct {
	before error         // fail and do nothing
	after  error         // do it and lose the answer
	short  int           // a read ends that many bytes early
	extra  int           // a read has that many bytes more
	block  chan struct{} // wait for it, or for the context
	late   chan struct{} // the same with an answer that is ready
	ready  chan struct{} // closed when it is
	landed chan struct{} // closed when a late upload is done
}

var errFault = errors.New("injected")

// faulty is a driver over another bucket that injects faults and counts requests.
type faulty struct {
	inner *blob.Bucket

	mu     sync.Mutex
	inject func(r Request, key string) fault
	count  map[Request]int
	during func(r Request, key string) // called before each request

	commit sync.Mutex // held while an upload is compared and appears

	seconds bool // times are no finer, and there is no MD5
}

func newFaulty() (*blob.Bucket, *faulty) {
	f := &faulty{inner: memblob.OpenBucket(nil), count: map[Request]int{}}
	return blob.NewBucket(f), f
}

// failOn injects a fault into requests of one kind.
func (f *faulty) failOn(r Request, with fault) {
	f.set(func(got Request, _ string) fault {
		if got == r {
			return with
		}
		return fault{}
	})
}

func (f *faulty) set(inject func(Request, string) fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.inject = inject
}

func (f *faulty) heal() { f.set(nil) }

func (f *faulty) setDuring(during func(Request, string)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.during = during
}

// requests returns how many there were since the last call.
func (f *faulty) requests() map[Request]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	count := f.count
	f.count = map[Request]int{}
	return count
}

func (f *faulty) begin(ctx context.Context, r Request, key string) (fault, error) {
	f.mu.Lock()
	var x fault
	if f.inject != nil {
		x = f.inject(r, key)
	}
	f.count[r]++
	during := f.during
	f.mu.Unlock()
	if during != nil {
		during(r, key)
	}
	if x.block != nil {
		select {
		case <-x.block:
		case <-ctx.Done():
			return x, ctx.Err()
		}
	}
	return x, x.before
}

// wait is for answers that are late.
func (x fault) wait(ctx context.Context) error {
	if x.late == nil {
		return nil
	}
	if x.ready != nil {
		close(x.ready)
	}
	select {
	case <-x.late:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (f *faulty) time(t time.Time) time.Time {
	if f.seconds {
		return t.Truncate(time.Hour) // so that a test never crosses one
	}
	return t
}

func (f *faulty) md5(sum []byte) []byte {
	if f.seconds {
		return nil
	}
	return sum
}

func (f *faulty) Attributes(ctx context.Context, key string) (*driver.Attributes, error) {
	x, err := f.begin(ctx, RequestAttributes, key)
	if err != nil {
		return nil, err
	}
	a, err := f.inner.Attributes(ctx, key)
	if err := cmp.Or(x.wait(ctx), err); err != nil {
		return nil, err
	}
	return &driver.Attributes{
		ContentType: a.ContentType, Metadata: a.Metadata, ModTime: f.time(a.ModTime), Size: a.Size, MD5: f.md5(a.MD5), ETag: a.ETag,
	}, x.after
}

func (f *faulty) ListPaged(ctx context.Context, o *driver.ListOptions) (*driver.ListPage, error) {
	x, err := f.begin(ctx, RequestList, o.Prefix)
	if err != nil {
		return nil, err
	}
	token := o.PageToken
	if len(token) == 0 {
		token = blob.FirstPageToken
	}
	objects, next, err := f.inner.ListPage(ctx, token, o.PageSize, &blob.ListOptions{Prefix: o.Prefix, Delimiter: o.Delimiter})
	page := &driver.ListPage{NextPageToken: next}
	for _, p := range objects {
		page.Objects = append(page.Objects, &driver.ListObject{Key: p.Key, ModTime: f.time(p.ModTime), Size: p.Size, MD5: f.md5(p.MD5), IsDir: p.IsDir})
	}
	return page, errors.Join(err, x.wait(ctx))
}

type faultyReader struct {
	*blob.Reader
	r   io.Reader
	mod time.Time
}

func (r faultyReader) Read(p []byte) (int, error) { return r.r.Read(p) }
func (r faultyReader) Attributes() *driver.ReaderAttributes {
	return &driver.ReaderAttributes{ContentType: r.ContentType(), ModTime: r.mod, Size: r.Size()}
}

func (f *faulty) NewRangeReader(ctx context.Context, key string, off, n int64, o *driver.ReaderOptions) (driver.Reader, error) {
	x, err := f.begin(ctx, RequestRead, key)
	if err != nil {
		return nil, err
	}
	c, err := conditionOf(o.BeforeRead)
	if err != nil {
		return nil, err
	}
	if a, err := f.inner.Attributes(ctx, key); err == nil && c.etag != "" && a.ETag != c.etag {
		return nil, errPrecondition
	}
	r, err := f.inner.NewRangeReader(ctx, key, off, n, nil)
	if err != nil {
		return nil, cmp.Or(x.wait(ctx), err)
	}
	mod := f.time(r.ModTime())
	b, err := io.ReadAll(r)
	if x.short > 0 {
		b = b[:max(0, len(b)-x.short)]
	}
	b = append(b, make([]byte, x.extra)...)
	if x.after != nil {
		return faultyReader{r, io.MultiReader(newBytes(b[:len(b)/2]), failing{x.after}), mod}, nil
	}
	return faultyReader{r, newBytes(b), mod}, errors.Join(err, x.wait(ctx))
}

// newBytes hides all but Read.
func newBytes(b []byte) io.Reader { return &onlyBytes{b} }

type onlyBytes struct{ b []byte }

func (o *onlyBytes) Read(p []byte) (int, error) {
	if len(o.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p, o.b)
	o.b = o.b[n:]
	return n, nil
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func (f *faulty) Copy(ctx context.Context, to, from string, _ *driver.CopyOptions) error {
	x, err := f.begin(ctx, RequestCopy, from)
	if err != nil {
		return err
	}
	return errors.Join(f.inner.Copy(ctx, to, from, nil), x.after)
}

func (f *faulty) Delete(ctx context.Context, key string, _ *driver.DeleteOptions) error {
	x, err := f.begin(ctx, RequestDelete, key)
	if err != nil {
		return err
	}
	return errors.Join(f.inner.Delete(ctx, key), x.after)
}
