package archive

import (
	"compress/gzip"
	"io"
	"os"
)

// compressed says whether a file begins as RFC 1952 says.
func compressed(r io.ReaderAt) bool {
	var magic [2]byte
	n, _ := r.ReadAt(magic[:], 0)
	return n == len(magic) && magic == [2]byte{0x1f, 0x8b}
}

// gunzip unpacks to a file without a name.
func gunzip(r io.ReaderAt, size int64, o Options) (source, error) {
	f, err := os.CreateTemp(o.CacheDir, "unpacked-*")
	if err != nil {
		return source{}, err
	}
	n, err := gunzipTo(f, r, size, o)
	if removeErr := os.Remove(f.Name()); err == nil {
		err = removeErr
	}
	if err != nil {
		f.Close()
		return source{}, err
	}
	return source{f, n, f.Close}, nil
}

func gunzipTo(w io.Writer, r io.ReaderAt, size int64, o Options) (int64, error) {
	z, err := gzip.NewReader(io.NewSectionReader(r, 0, size))
	if err != nil {
		return 0, cannotRead("", err)
	}
	// An archive may be that large, and one byte more shows that it is larger.
	most := o.MaxTotalSize
	if size <= most/o.MaxRatio {
		most = max(ratioFrom, size*o.MaxRatio)
	}
	n, err := io.Copy(w, io.LimitReader(z, most+1))
	if err != nil {
		return 0, cannotRead("", err)
	}
	if n > most {
		return 0, refuse("", ErrLimit, "%d bytes of gzip unpack to more than %d", size, most)
	}
	return n, nil
}
