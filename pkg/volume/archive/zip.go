package archive

import (
	"archive/zip"
	"cmp"
	"errors"
	"io"
	"io/fs"
	"math"
	"slices"
	"strings"

	"github.com/directfs/runsc/pkg/volume"
)

// OpenZip opens a zip file. The reader stays the caller's, and must work until
// the volume is closed.
//
// Members that are stored are read in place. Those that are deflated are unpacked
// when they are opened, see Options.CacheSize, and compared with their checksum
// and their size. The bits fs.ModeSetuid and fs.ModeSetgid are left out: a zip
// does not say whose rights they give away.
//
// An error about the content is an *EntryError.
func OpenZip(r io.ReaderAt, size int64, o Options) (volume.Volume, error) {
	o = o.withDefaults()
	index := &boundedReader{r: r, bounded: true, left: o.MaxIndexBytes}
	z, err := zip.NewReader(index, size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return nil, cannotRead("", err)
	}
	index.bounded = false
	s, err := openStore(o)
	if err != nil {
		return nil, err
	}
	c := newCache(s, o.CacheSize)
	zb := zipBuilder{builder: newBuilder(o), size: size, cache: c, archive: r}
	if err := zb.addAll(z.File); err != nil {
		c.close()
		return nil, err
	}
	return &tree{nodes: zb.finish(), close: c.close, cache: c}, nil
}

// boundedReader bounds how much of an archive is read as its index.
type boundedReader struct {
	r       io.ReaderAt
	bounded bool // no more once the index is read
	left    int64
}

func (b *boundedReader) ReadAt(p []byte, off int64) (int, error) {
	if !b.bounded {
		return b.r.ReadAt(p, off)
	}
	if b.left -= int64(len(p)); b.left < 0 {
		return 0, refuse("", ErrLimit, "its index is too large")
	}
	return b.r.ReadAt(p, off)
}

type zipBuilder struct {
	*builder
	archive io.ReaderAt
	size    int64 // of the archive
	cache   *cache
	extents []extent
}

// extent is where the content of an entry is.
type extent struct {
	name       string
	start, end int64
}

func (b *zipBuilder) addAll(files []*zip.File) error {
	for _, f := range files {
		if err := b.addFile(f); err != nil {
			return err
		}
	}
	return b.apart()
}

func (b *zipBuilder) addFile(f *zip.File) error {
	if err := b.count(f.Name); err != nil {
		return err
	}
	if strings.Contains(f.Name, `\`) {
		return refuse(f.Name, ErrName, "it has a backslash")
	}
	n, err := b.file(f)
	if err != nil {
		return err
	}
	return b.add(f.Name, n)
}

func (b *zipBuilder) file(f *zip.File) (*node, error) {
	n := &node{mode: zipMode(f), modTime: f.Modified}
	if b.o.Owner != nil {
		n.owner = *b.o.Owner
	}
	switch n.mode.Type() {
	case fs.ModeDir:
		if f.UncompressedSize64 != 0 {
			return nil, refuse(f.Name, ErrCorrupt, "a directory with %d bytes", f.UncompressedSize64)
		}
		return n, nil
	case 0:
		return n, b.regular(f, n)
	case fs.ModeSymlink:
		return n, b.symlink(f, n)
	}
	return nil, refuse(f.Name, ErrType, "%v", n.mode.Type())
}

// creatorUnix and creatorMacOS are the systems whose modes a zip has: APPNOTE.TXT
// 4.4.2.2.
const (
	creatorUnix  = 3
	creatorMacOS = 19
)

// zipMode is the mode of an entry. One that has none is readable by everybody and
// writable by its owner.
func zipMode(f *zip.File) fs.FileMode {
	m := f.Mode() &^ (fs.ModeSetuid | fs.ModeSetgid)
	creator := f.CreatorVersion >> 8
	if (creator == creatorUnix || creator == creatorMacOS) && f.ExternalAttrs>>16 != 0 {
		return m
	}
	if m.IsDir() {
		return m.Type() | 0o755
	}
	return m.Type() | 0o644
}

func (b *zipBuilder) regular(f *zip.File, n *node) error {
	off, err := b.content(f)
	if err != nil {
		return err
	}
	n.size = int64(f.UncompressedSize64)
	if err := b.weigh(f.Name, n.size); err != nil {
		return err
	}
	if f.Method == zip.Store {
		n.open = inPlace(b.archive, off, n.size)
		return nil
	}
	if b.o.inflates(n.size, int64(f.CompressedSize64)) {
		return refuse(f.Name, ErrLimit, "%d bytes from %d: more than %d to one", n.size, f.CompressedSize64, b.o.MaxRatio)
	}
	if n.size > b.o.CacheSize {
		return refuse(f.Name, ErrLimit, "%d bytes are more than Options.CacheSize, %d", n.size, b.o.CacheSize)
	}
	n.open = newMember(f, b.cache).open
	return nil
}

// content checks where the content of an entry is, and how.
func (b *zipBuilder) content(f *zip.File) (int64, error) {
	const encrypted = 1
	switch {
	case f.Flags&encrypted != 0:
		return 0, refuse(f.Name, ErrUnsupported, "it is encrypted")
	case f.Method != zip.Store && f.Method != zip.Deflate:
		return 0, refuse(f.Name, ErrUnsupported, "compression %d", f.Method)
	case f.Method == zip.Store && f.CompressedSize64 != f.UncompressedSize64:
		return 0, refuse(f.Name, ErrCorrupt, "stored, %d bytes from %d", f.UncompressedSize64, f.CompressedSize64)
	case f.UncompressedSize64 > math.MaxInt64:
		return 0, refuse(f.Name, ErrLimit, "its size is %d bytes", f.UncompressedSize64)
	}
	off, err := f.DataOffset()
	if err != nil {
		return 0, cannotRead(f.Name, err)
	}
	if off > b.size || f.CompressedSize64 > uint64(b.size-off) {
		return 0, refuse(f.Name, ErrCorrupt, "it goes on after the end of the archive")
	}
	b.extents = append(b.extents, extent{f.Name, off, off + int64(f.CompressedSize64)})
	return off, nil
}

// apart makes sure that no two entries share bytes, which is how a small zip
// becomes a large one.
func (b *zipBuilder) apart() error {
	const header = 30 // the least that is before the content: APPNOTE.TXT 4.3.7
	slices.SortFunc(b.extents, func(a, b extent) int { return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.end, b.end)) })
	for i := range b.extents {
		if i > 0 && b.extents[i-1].end > b.extents[i].start-header {
			return refuse(b.extents[i].name, ErrCorrupt, "it overlaps %q", b.extents[i-1].name)
		}
	}
	return nil
}

// symlink reads the target, which is the content.
func (b *zipBuilder) symlink(f *zip.File, n *node) error {
	if _, err := b.content(f); err != nil {
		return err
	}
	if f.UncompressedSize64 > maxTarget {
		return refuse(f.Name, ErrLink, "its target has %d bytes, allowed are %d", f.UncompressedSize64, maxTarget)
	}
	var target strings.Builder
	if err := inflate(f, &target); err != nil {
		return err
	}
	return b.setTarget(f.Name, n, target.String())
}

// maxTarget is the longest target of a symbolic link: PATH_MAX without its zero.
const maxTarget = 4095

// setTarget makes a symbolic link of n. Where it leads is the sandbox's to find,
// inside the container.
func (b *builder) setTarget(name string, n *node, target string) error {
	if target == "" || len(target) > maxTarget || strings.ContainsRune(target, 0) {
		return refuse(name, ErrLink, "its target has %d bytes, or a zero byte", len(target))
	}
	n.target, n.size = target, int64(len(target))
	n.mode |= fs.ModePerm
	return b.note(name, target)
}
