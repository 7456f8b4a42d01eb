package blob

import (
	"context"
	"maps"
	"math"
	"syscall"
	"time"

	"gocloud.dev/blob"

	"github.com/directfs/runsc/pkg/volume/blob/internal/disk"
)

// objectProperties are what an upload keeps of the object that it replaces.
type objectProperties struct {
	cacheControl, contentDisposition, contentLanguage, contentType string
	contentEncoding                                                string
	metadata                                                       map[string]string
}

func propertiesOf(a *blob.Attributes) *objectProperties {
	return &objectProperties{
		cacheControl: a.CacheControl, contentDisposition: a.ContentDisposition, contentLanguage: a.ContentLanguage,
		contentType: a.ContentType, contentEncoding: a.ContentEncoding, metadata: maps.Clone(a.Metadata),
	}
}

// stage makes the file one that can be written. With empty set its content is not
// needed. What has to be fetched goes on when the context ends.
func (in *inode) stage(ctx context.Context, empty bool) error {
	in.mu.RLock()
	ready := in.file != nil && in.file.Staged()
	in.mu.RUnlock()
	if ready {
		return nil
	}
	if err := in.busy.lock(ctx); err != nil {
		return err
	}
	t := in.start(func(ctx context.Context) error {
		defer in.busy.unlock()
		return in.stageBusy(ctx, empty)
	})
	return t.wait(ctx)
}

// stageBusy is stage, with busy held.
func (in *inode) stageBusy(ctx context.Context, empty bool) error {
	if in.file != nil && in.file.Staged() {
		return nil
	}
	if err := in.confirm(ctx); err != nil {
		return err
	}
	if in.file != nil {
		in.mu.Lock()
		defer in.mu.Unlock()
		return in.file.Stage()
	}
	f, err := in.v.disk.NewStaged()
	if err != nil {
		return err
	}
	if !empty {
		if err := in.fillStaged(ctx, f); err != nil {
			f.Release()
			return err
		}
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.file = f
	if empty {
		if err := in.changing(); err != nil {
			in.file = nil
			f.Release()
			return err
		}
		in.size = 0
	}
	return nil
}

func (in *inode) fillStaged(ctx context.Context, f *disk.File) error {
	key := in.keyNow()
	got, err := in.v.s.download(ctx, key, in.base, math.MaxInt64-1, f.Append())
	if err == nil && !in.base.same(got) {
		err = changedError(RequestRead, key, in.base, got)
	}
	return err
}

// confirm learns the ETag of the object that the file is, and that it still is.
func (in *inode) confirm(ctx context.Context) error {
	in.mu.RLock()
	stored := in.exists && !in.removed
	in.mu.RUnlock()
	if !stored {
		return nil
	}
	key := in.keyNow()
	a, err := in.v.s.attributes(ctx, key)
	if isNotFound(err) {
		in.v.c.Observer.Conflict(key)
		return &StoreError{RequestAttributes, key, syscall.ESTALE, err}
	} else if err != nil {
		return err
	}
	got := versionOf(a)
	if !in.base.same(got) {
		in.v.retire(in, in.keyNow(), in.state())
		return changedError(RequestAttributes, key, in.base, got)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.base, in.object = got, propertiesOf(a)
	if in.v.c.KeepTimes {
		in.mod = parseTime(a.Metadata[mtimeKey])
	}
	return nil
}

// changing prepares a change of a staged file. in.mu is held.
func (in *inode) changing() error {
	if in.removed {
		return nil
	}
	if !in.dirty || in.record.Complete {
		r := in.record
		if !in.dirty {
			r = disk.Record{
				Exists: in.exists, BaseETag: in.base.etag, BaseSize: in.base.size, BaseTime: in.base.mod,
			}
		}
		kept := r.Complete && r.Boot == "" // nothing of what is written now may count as that
		r.Key, r.Complete = in.key, false
		if err := in.file.Mark(r); err != nil {
			return err
		}
		if kept {
			if err := in.file.SyncRecord(); err != nil {
				return err
			}
		}
		in.record, in.dirty = r, true
	}
	in.seq++
	in.mod = time.Now()
	return nil
}

// write writes in place: whoever has the file, by whatever descriptor, sees it.
func (in *inode) write(ctx context.Context, p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, syscall.EINVAL
	}
	if off > math.MaxInt64-int64(len(p)) {
		return 0, syscall.EFBIG
	}
	if len(p) == 0 { // which extends no file
		return 0, nil
	}
	if err := in.stage(ctx, false); err != nil {
		return 0, err
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if err := in.changing(); err != nil {
		return 0, err
	}
	n, err := in.file.WriteAt(p, off)
	in.size = in.file.Size()
	return n, err
}

// truncate sets the size.
func (in *inode) truncate(ctx context.Context, size int64) error {
	if size < 0 {
		return syscall.EINVAL
	}
	if err := in.stage(ctx, size == 0); err != nil {
		return err
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if err := in.changing(); err != nil {
		return err
	}
	err := in.file.Truncate(size)
	in.size = in.file.Size()
	return err
}
