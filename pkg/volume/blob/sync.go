package blob

import (
	"context"
	"errors"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/directfs/runsc/pkg/volume/blob/internal/disk"
)

// upload is an upload of a file that is under way. Changes up to seq are in it.
type upload struct {
	*task
	seq uint64

	mu      sync.Mutex
	stopped bool
	sent    bool // the store may make the object, whoever waits for it
}

// sentTimeout is how long an upload may go on that the store has all of, when it is
// not wanted any more.
const sentTimeout = 5 * time.Second

// stop ends an upload, at once unless the store has all of it.
func (u *upload) stop() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.sent {
		time.AfterFunc(sentTimeout, u.cancel)
		return
	}
	u.stopped = true
	u.cancel()
}

// send reports whether the end of the content may be sent.
func (u *upload) send() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.stopped {
		return context.Canceled
	}
	u.sent = true
	return nil
}

// sync returns nil when all changes made before the call are in the store.
func (in *inode) sync(ctx context.Context) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	for want := in.seq; ; {
		if in.removed || !in.dirty || in.saved >= want {
			return nil
		}
		u := in.up
		if u == nil {
			u = &upload{}
			u.task = in.start(func(ctx context.Context) error { return in.upload(ctx, u) })
			in.up = u
		}
		in.mu.Unlock()
		err := u.wait(ctx)
		in.mu.Lock()
		switch {
		case err == nil || in.removed:
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, context.Canceled) && in.v.ctx.Err() == nil: // by who removes the file, or tried to
		case errors.Is(err, errShrunk) && in.seq > u.seq: // by who writes all the time: until the context ends
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
	if err = in.uploadBusy(ctx, u, in.keyNow(), false); err != nil {
		in.keep(u.seq)
	}
	if isConflict(err) {
		in.markConflict()
	}
	return err
}

// markConflict notes in the record that the application was told of another writer:
// Recover must not upload the file when the other's object is gone. busy is held.
func (in *inode) markConflict() {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.file == nil || in.removed || !in.dirty {
		return
	}
	r := in.record
	r.Conflict = true
	if err := in.file.Mark(r); err != nil {
		in.v.c.Logger.Warn("the record of a staged file does not say that there is a conflict", "key", in.key, "error", err)
		return
	}
	in.record = r
}

// keep writes a file that could not be uploaded to the host's disk, so that Recover
// may upload it even if the machine fails until then. busy is held.
func (in *inode) keep(seq uint64) {
	in.mu.RLock()
	f, kept := in.file, in.removed || in.seq != seq || !in.record.Complete || in.record.Boot == ""
	in.mu.RUnlock()
	if f == nil || kept {
		return
	}
	err := f.Sync()
	in.mu.Lock()
	defer in.mu.Unlock()
	if err == nil && in.seq == seq && !in.removed {
		r := in.record
		r.Boot = ""
		if err = f.Mark(r); err == nil {
			in.record = r
			err = f.SyncRecord()
		}
	}
	if err != nil {
		in.v.c.Logger.Warn("a staged file is not on the disk", "key", in.key, "error", err)
	}
}

// uploadBusy uploads to a key, which is the file's unless it is being renamed.
// busy is held.
func (in *inode) uploadBusy(ctx context.Context, u *upload, key string, replace bool) error {
	in.mu.Lock()
	if in.removed || !in.dirty {
		in.mu.Unlock()
		return nil
	}
	if in.file == nil { // the volume is closed: Recover has the content
		in.mu.Unlock()
		return os.ErrClosed
	}
	u.seq = in.seq
	c := in.contentNow(key, replace)
	in.mu.Unlock()
	c.send = u.send
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
	if !r.Complete || r.Boot != "" { // else it is on the disk, since an attempt failed
		r.Boot = disk.Boot()
	}
	r.Complete, r.Conflict, r.Uploads = true, false, append(slices.Clone(lastMarks(r.Uploads)), c.mark)
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
	in.epoch++
	in.v.changes.Add(1)
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

// lastMarks bounds what a record has of attempts. An older one that arrives after so
// many counts as another writer.
func lastMarks(all []string) []string { return all[max(0, len(all)-99):] }
