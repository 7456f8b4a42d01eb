package dirbucket

import (
	"context"
	"crypto/md5"
	"crypto/rand"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"

	"gocloud.dev/blob/driver"
	"golang.org/x/sys/unix"
)

// writer is a driver.Writer: it writes a file beside the object's, of a name that
// is never listed, which then gets the object's name.
type writer struct {
	ctx        context.Context
	dir, f     *os.File
	name, temp string
	fresh      bool // the object may not exist
	md5        hash.Hash
	attributes *attributes // nil where none are to be kept
}

// NewTypedWriter implements driver.Bucket.
func (b *bucket) NewTypedWriter(ctx context.Context, key, contentType string, o *driver.WriterOptions) (driver.Writer, error) {
	at, ok := pathOf(key)
	if !ok {
		return nil, fmt.Errorf("%w: %q", errKey, key)
	}
	if o.BeforeWrite != nil {
		if err := o.BeforeWrite(nothing); err != nil {
			return nil, err
		}
	}
	w := &writer{ctx: ctx, name: path.Base(at), temp: ".volumed-" + rand.Text() + sidecar, fresh: o.IfNotExist, md5: md5.New()}
	if !b.o.NoMetadata {
		w.attributes = &attributes{
			CacheControl: o.CacheControl, ContentDisposition: o.ContentDisposition, ContentEncoding: o.ContentEncoding,
			ContentLanguage: o.ContentLanguage, ContentType: contentType, Metadata: o.Metadata,
		}
	}
	var err error
	if w.dir, err = b.makeDirectory(path.Dir(at), b.o.DirMode); err != nil {
		return nil, err
	}
	if w.f, err = create(w.dir, w.temp); err != nil {
		w.dir.Close()
		return nil, err
	}
	return w, nil
}

func (w *writer) Write(p []byte) (int, error) {
	n, err := w.f.Write(p)
	w.md5.Write(p[:n])
	return n, err
}

// Close gives the file its name, and then its attributes: a crash in between leaves
// an object that is not taken for an upload of which only the answer was lost.
func (w *writer) Close() error {
	defer w.dir.Close()
	defer w.unlink(w.temp)
	if err := errors.Join(w.f.Close(), w.ctx.Err()); err != nil {
		return err
	}
	if w.attributes == nil {
		return w.publish()
	}
	w.attributes.MD5 = w.md5.Sum(nil)
	temp := "." + w.temp
	defer w.unlink(temp)
	if err := w.attributes.write(w.dir, temp); err != nil {
		return err
	}
	if err := w.publish(); err != nil {
		return err
	}
	return w.rename(temp, sidecarOf(w.name), 0)
}

// publish makes the object. Directories of which all objects are gone make way.
func (w *writer) publish() error {
	err := w.place()
	if (errors.Is(err, errExists) || errors.Is(err, unix.EISDIR)) && removeEmpty(w.dir, w.name) == nil {
		err = w.place()
	}
	return err
}

// place overwrites no object where there may be none, unless the file system cannot
// do that: then another process has a moment.
func (w *writer) place() error {
	if !w.fresh {
		return w.rename(w.temp, w.name, 0)
	}
	err := w.rename(w.temp, w.name, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) {
		var st unix.Stat_t
		if err = unix.Fstatat(int(w.dir.Fd()), w.name, &st, unix.AT_SYMLINK_NOFOLLOW); errors.Is(err, fs.ErrNotExist) {
			return w.rename(w.temp, w.name, 0)
		} else if err == nil {
			err = fs.ErrExist
		}
	}
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w: %s", errExists, w.name)
	}
	return err
}

func (w *writer) rename(from, to string, flags uint) error {
	dir := int(w.dir.Fd())
	if err := unix.Renameat2(dir, from, dir, to, flags); err != nil {
		return pathError("rename", to, err)
	}
	return nil
}

// unlink removes a temporary file, if it is still there.
func (w *writer) unlink(name string) { unix.Unlinkat(int(w.dir.Fd()), name, 0) }

// Copy implements driver.Bucket.
func (b *bucket) Copy(ctx context.Context, to, from string, o *driver.CopyOptions) error {
	found, _, a, err := b.find(from)
	if err != nil {
		return err
	}
	defer found.Close()
	f, err := read(found)
	if err != nil {
		return err
	}
	defer f.Close()
	ctx, abort := context.WithCancel(ctx)
	defer abort()
	w, err := b.NewTypedWriter(ctx, to, a.ContentType, &driver.WriterOptions{
		CacheControl: a.CacheControl, ContentDisposition: a.ContentDisposition, ContentEncoding: a.ContentEncoding,
		ContentLanguage: a.ContentLanguage, Metadata: a.Metadata, BeforeWrite: o.BeforeCopy,
	})
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, f); err != nil {
		abort()
		return errors.Join(err, w.Close())
	}
	return w.Close()
}
