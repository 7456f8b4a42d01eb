package dirbucket

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"

	"gocloud.dev/blob"
	"gocloud.dev/blob/driver"
	"gocloud.dev/gcerrors"
	"golang.org/x/sys/unix"
)

// Options are those of fileblob.
type Options struct {
	// DirMode is of directories that are made; 0777 if zero. The umask counts.
	DirMode fs.FileMode

	// NoMetadata keeps attributes from being written.
	NoMetadata bool
}

// Open opens a directory that exists.
func Open(dir string, o Options) (*blob.Bucket, error) {
	b, err := open(dir, o)
	if err != nil {
		return nil, err
	}
	return blob.NewBucket(b), nil
}

// bucket is a driver.Bucket.
type bucket struct {
	*tree
	o Options
}

func open(dir string, o Options) (*bucket, error) {
	o.DirMode = cmp.Or(o.DirMode, 0o777)
	t, err := openTree(dir)
	if err != nil {
		return nil, err
	}
	return &bucket{t, o}, nil
}

var (
	errKey         = errors.New("a directory cannot keep an object of this key")
	errExists      = errors.New("the object exists")
	errUnsupported = errors.New("a directory has no URLs")
)

// ErrorCode implements driver.Bucket.
func (b *bucket) ErrorCode(err error) gcerrors.ErrorCode {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return gcerrors.NotFound
	case errors.Is(err, errExists):
		return gcerrors.FailedPrecondition
	case errors.Is(err, ErrLink), errors.Is(err, ErrSpecial):
		return gcerrors.PermissionDenied
	case errors.Is(err, errUnsupported):
		return gcerrors.Unimplemented
	}
	return gcerrors.Unknown
}

// nothing is what As functions get: no type of this driver is shown.
func nothing(any) bool { return false }

// As implements driver.Bucket.
func (b *bucket) As(any) bool { return false }

// ErrorAs implements driver.Bucket.
func (b *bucket) ErrorAs(error, any) bool { return false }

// Close implements driver.Bucket.
func (b *bucket) Close() error { return b.root.Close() }

// SignedURL implements driver.Bucket.
func (b *bucket) SignedURL(context.Context, string, *driver.SignedURLOptions) (string, error) {
	return "", errUnsupported
}

// find finds an object and its attributes.
func (b *bucket) find(key string) (*os.File, fs.FileInfo, attributes, error) {
	path, ok := pathOf(key)
	if !ok {
		return nil, nil, attributes{}, pathError("open", key, fs.ErrNotExist)
	}
	f, info, err := b.object(path)
	if err != nil {
		return nil, nil, attributes{}, err
	}
	a, err := b.attributes(path)
	if err != nil {
		f.Close()
	}
	return f, info, a, err
}

// Attributes implements driver.Bucket.
func (b *bucket) Attributes(_ context.Context, key string) (*driver.Attributes, error) {
	f, info, a, err := b.find(key)
	if err != nil {
		return nil, err
	}
	return &driver.Attributes{
		CacheControl: a.CacheControl, ContentDisposition: a.ContentDisposition, ContentEncoding: a.ContentEncoding,
		ContentLanguage: a.ContentLanguage, ContentType: a.ContentType, Metadata: a.Metadata, MD5: a.MD5,
		ModTime: info.ModTime(), Size: info.Size(),
		ETag:   fmt.Sprintf("\"%x-%x\"", info.ModTime().UnixNano(), info.Size()),
		AsFunc: nothing,
	}, f.Close()
}

// reader is a driver.Reader.
type reader struct {
	io.Reader
	io.Closer
	attributes driver.ReaderAttributes
}

func (r *reader) Attributes() *driver.ReaderAttributes { return &r.attributes }
func (r *reader) As(any) bool                          { return false }

// NewRangeReader implements driver.Bucket.
func (b *bucket) NewRangeReader(_ context.Context, key string, offset, length int64, o *driver.ReaderOptions) (driver.Reader, error) {
	found, info, a, err := b.find(key)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	if o.BeforeRead != nil {
		if err := o.BeforeRead(nothing); err != nil {
			return nil, err
		}
	}
	f, err := read(found)
	if err != nil {
		return nil, err
	}
	if length < 0 {
		length = max(0, info.Size()-offset)
	}
	return &reader{io.NewSectionReader(f, offset, length), f,
		driver.ReaderAttributes{ContentType: a.ContentType, ModTime: info.ModTime(), Size: info.Size()}}, nil
}

// Delete implements driver.Bucket.
func (b *bucket) Delete(_ context.Context, key string, o *driver.DeleteOptions) error {
	if o.BeforeDelete != nil {
		if err := o.BeforeDelete(nothing); err != nil {
			return err
		}
	}
	f, _, _, err := b.find(key)
	if err != nil {
		return err
	}
	f.Close()
	at := escape(key)
	dir, err := b.directory(path.Dir(at))
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := unix.Unlinkat(int(dir.Fd()), path.Base(at), 0); err != nil {
		return pathError("unlink", at, err)
	}
	if err := unix.Unlinkat(int(dir.Fd()), path.Base(sidecarOf(at)), 0); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return pathError("unlink", sidecarOf(at), err)
	}
	return nil
}
