package archive

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"strings"

	"github.com/directfs/runsc/pkg/volume"
)

// OpenTar opens a tar file. The reader stays the caller's, and must work until the
// volume is closed. All files are read in place, and none is donated to the
// sandbox: they can be mapped with an exclusive cache only.
//
// A tar that is compressed with gzip is unpacked to a file without a name first,
// see Options.CacheDir. Backslashes are ordinary bytes of names. Extended
// attributes that the archive may have are not served. The archive must have its
// end mark: one that was cut off between two entries has lost some.
//
// An error about the content is an *EntryError.
func OpenTar(r io.ReaderAt, size int64, o Options) (volume.Volume, error) {
	o = o.withDefaults()
	plain := source{r: r, size: size, close: func() error { return nil }}
	if compressed(r) {
		var err error
		if plain, err = gunzip(r, size, o); err != nil {
			return nil, err
		}
	}
	b := tarBuilder{builder: newBuilder(o), archive: plain.r}
	if err := b.addAll(plain.size); err != nil {
		plain.close()
		return nil, err
	}
	return &tree{nodes: b.finish(), close: plain.close}, nil
}

// source is a tar that is not compressed.
type source struct {
	r     io.ReaderAt
	size  int64
	close func() error
}

type tarBuilder struct {
	*builder
	archive io.ReaderAt
}

func (b *tarBuilder) addAll(size int64) error {
	section := io.NewSectionReader(b.archive, 0, size)
	r := tar.NewReader(section)
	name := ""
	for {
		h, err := r.Next()
		at, seekErr := section.Seek(0, io.SeekCurrent)
		if err == io.EOF {
			return b.ended(at, size)
		}
		if err = errors.Join(ignoreInsecure(err), seekErr); err != nil {
			return cannotRead("", fmt.Errorf("after entry %.300q: %w", name, err))
		}
		name = h.Name
		if err := b.entry(h, at); err != nil {
			return err
		}
	}
}

// ignoreInsecure leaves the judgement of names to the builder, whatever GODEBUG
// says.
func ignoreInsecure(err error) error {
	if errors.Is(err, tar.ErrInsecurePath) {
		return nil
	}
	return err
}

// ended makes sure that nothing is lost: an archive ends with two blocks of zeros,
// and what pads it to a record is zeros too.
func (b *tarBuilder) ended(at, size int64) error {
	const mark, padding = 1024, 1 << 20
	if at < mark || size-at > padding {
		return refuse("", ErrCorrupt, "its end mark is missing, or more follows it")
	}
	tail := make([]byte, mark+size-at)
	if _, err := b.archive.ReadAt(tail, at-mark); err != nil && err != io.EOF {
		return cannotRead("", err)
	}
	if len(bytes.Trim(tail, "\x00")) > 0 {
		return refuse("", ErrCorrupt, "its end mark is missing, or more follows it")
	}
	return nil
}

// entry adds what a header describes. Its content, if it has any, is at that
// place.
func (b *tarBuilder) entry(h *tar.Header, at int64) error {
	if err := b.count(h.Name); err != nil {
		return err
	}
	if h.Typeflag == tar.TypeXGlobalHeader {
		return global(h)
	}
	if h.Typeflag == tar.TypeLink {
		return b.link(h)
	}
	n, err := b.node(h)
	if err != nil {
		return err
	}
	switch n.mode.Type() {
	case 0:
		err = b.regular(h, n, at)
	case fs.ModeSymlink:
		err = b.setTarget(h.Name, n, h.Linkname)
	}
	if err != nil {
		return err
	}
	return b.add(h.Name, n)
}

// global accepts a global header that only has a comment, as git-archive(1)
// writes. Others would change the entries after it: pax(1).
func global(h *tar.Header) error {
	for key := range h.PAXRecords {
		if key != "comment" {
			return refuse(h.Name, ErrUnsupported, "a global header with %q", key)
		}
	}
	return nil
}

var tarTypes = map[byte]fs.FileMode{
	tar.TypeReg:     0,
	tar.TypeDir:     fs.ModeDir,
	tar.TypeSymlink: fs.ModeSymlink,
}

const permBits = fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky

func (b *tarBuilder) node(h *tar.Header) (*node, error) {
	if sparse(h) {
		return nil, refuse(h.Name, ErrUnsupported, "it is sparse")
	}
	t, ok := tarTypes[h.Typeflag]
	if !ok {
		return nil, refuse(h.Name, ErrType, "type %q", h.Typeflag)
	}
	n := &node{mode: t | h.FileInfo().Mode()&permBits, modTime: h.ModTime}
	if b.o.Owner != nil {
		n.owner = *b.o.Owner
		return n, nil
	}
	if h.Uid < 0 || h.Uid > math.MaxUint32 || h.Gid < 0 || h.Gid > math.MaxUint32 {
		return nil, refuse(h.Name, ErrCorrupt, "its owner is %d:%d", h.Uid, h.Gid)
	}
	n.owner = Owner{uint32(h.Uid), uint32(h.Gid)}
	return n, nil
}

func sparse(h *tar.Header) bool {
	if h.Typeflag == tar.TypeGNUSparse {
		return true
	}
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return false
}

func (b *tarBuilder) regular(h *tar.Header, n *node, at int64) error {
	if err := b.weigh(h.Name, h.Size); err != nil {
		return err
	}
	n.size, n.open = h.Size, inPlace(b.archive, at, h.Size)
	return nil
}

// link gives an earlier file one more name.
func (b *tarBuilder) link(h *tar.Header) error {
	n, ok := b.find(h.Linkname)
	if !ok || n.mode.IsDir() {
		return refuse(h.Name, ErrLink, "no earlier entry is a file called %.300q", h.Linkname)
	}
	return b.add(h.Name, n)
}
