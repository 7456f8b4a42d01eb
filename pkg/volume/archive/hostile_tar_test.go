package archive

import (
	"archive/tar"
	"bytes"
	"strings"
	"testing"
)

// hostileTar is a tar that is refused for an entry.
type hostileTar struct {
	headers []tar.Header
	o       Options
	rule    error
	entry   string
}

func hostileTars() map[string]hostileTar {
	link := func(name, target string) tar.Header {
		return tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: target}
	}
	typed := func(t byte) tar.Header { return tar.Header{Typeflag: t, Name: "a"} }
	many := make([]tar.Header, 4)
	for i := range many {
		many[i] = reg(strings.Repeat("a", i+1), 0)
	}
	return map[string]hostileTar{
		"a name that leads out":             {[]tar.Header{reg("../a", 0)}, Options{}, ErrName, "../a"},
		"a name that is absolute":           {[]tar.Header{reg("/a", 0)}, Options{}, ErrName, "/a"},
		"a name of 256 bytes":               {[]tar.Header{reg(xs(256), 0)}, Options{}, ErrName, xs(256)},
		"a file with a slash at the end":    {[]tar.Header{{Typeflag: tar.TypeSymlink, Name: "a/", Linkname: "b"}}, Options{}, ErrName, "a/"},
		"a root that is a link":             {[]tar.Header{{Typeflag: tar.TypeSymlink, Name: "./", Linkname: "b"}}, Options{}, ErrName, "./"},
		"a file twice":                      {[]tar.Header{reg("a", 0), reg("./a", 1)}, Options{}, ErrDuplicate, "./a"},
		"a file, then in it another":        {[]tar.Header{reg("a", 0), reg("a/b", 0)}, Options{}, ErrDuplicate, "a/b"},
		"a file of the name of a parent":    {[]tar.Header{reg("a/b", 0), reg("a", 0)}, Options{}, ErrDuplicate, "a"},
		"a hard link of a name that exists": {[]tar.Header{reg("a", 0), link("a", "a")}, Options{}, ErrDuplicate, "a"},
		"a hard link to outside":            {[]tar.Header{link("a", "../etc/passwd")}, Options{}, ErrLink, "a"},
		"a hard link to an absolute name":   {[]tar.Header{link("a", "/etc/passwd")}, Options{}, ErrLink, "a"},
		"a hard link to a later file":       {[]tar.Header{link("a", "b"), reg("b", 0)}, Options{}, ErrLink, "a"},
		"a hard link to itself":             {[]tar.Header{link("a", "a")}, Options{}, ErrLink, "a"},
		"a hard link to a directory":        {[]tar.Header{{Typeflag: tar.TypeDir, Name: "d/"}, link("a", "d")}, Options{}, ErrLink, "a"},
		"a hard link through a link": {[]tar.Header{
			{Typeflag: tar.TypeSymlink, Name: "s", Linkname: "/etc"}, link("a", "s/passwd")}, Options{}, ErrLink, "a"},
		"a file through a link": {[]tar.Header{
			{Typeflag: tar.TypeSymlink, Name: "s", Linkname: "/etc"}, reg("s/passwd", 0)}, Options{}, ErrDuplicate, "s/passwd"},
		"a link without a target":      {[]tar.Header{typed(tar.TypeSymlink)}, Options{}, ErrLink, "a"},
		"a character device":           {[]tar.Header{typed(tar.TypeChar)}, Options{}, ErrType, "a"},
		"a block device":               {[]tar.Header{typed(tar.TypeBlock)}, Options{}, ErrType, "a"},
		"a pipe":                       {[]tar.Header{typed(tar.TypeFifo)}, Options{}, ErrType, "a"},
		"a type that nobody knows":     {[]tar.Header{typed('V')}, Options{}, ErrType, "a"},
		"an owner that is negative":    {[]tar.Header{{Typeflag: tar.TypeReg, Name: "a", Uid: -2, Format: tar.FormatGNU}}, Options{}, ErrCorrupt, "a"},
		"an owner of more than 32 bit": {[]tar.Header{{Typeflag: tar.TypeReg, Name: "a", Gid: 1 << 32}}, Options{}, ErrCorrupt, "a"},
		"a global header that renames": {[]tar.Header{{Typeflag: tar.TypeXGlobalHeader, Name: "g", PAXRecords: map[string]string{"mtime": "1"}}, reg("a", 0)},
			Options{}, ErrUnsupported, "g"},
		"a file that is too large":          {[]tar.Header{reg("a", 100)}, Options{MaxFileSize: 99}, ErrLimit, "a"},
		"files that are too large together": {[]tar.Header{reg("a", 60), reg("b", 60)}, Options{MaxTotalSize: 100}, ErrLimit, "b"},
		"too many entries":                  {many, Options{MaxEntries: 3}, ErrLimit, "aaaa"},
		"too many bytes of names":           {many, Options{MaxIndexBytes: 9}, ErrLimit, "aaaa"},
	}
}

func TestTarThatIsRefused(t *testing.T) {
	for name, c := range hostileTars() {
		t.Run(name, func(t *testing.T) { refused(t, OpenTar, makeTar(t, c.headers...), c.o, c.rule, c.entry) })
	}
}

// sparseHeader is one of GNU tar's, which archive/tar does not write.
func sparseHeader(t *testing.T) []byte {
	b := makeTar(t, reg("a", 0))
	copy(b[257:], "ustar  \x00")
	b[156] = tar.TypeGNUSparse
	copy(b[483:], "00000001000\x00") // the size that it would have
	copy(b[148:], "        ")
	sum := 0
	for _, c := range b[:512] {
		sum += int(c)
	}
	copy(b[148:], []byte{'0' + byte(sum>>12&7), '0' + byte(sum>>9&7), '0' + byte(sum>>6&7), '0' + byte(sum>>3&7), '0' + byte(sum&7), 0, ' '})
	return b
}

func TestTarThatIsRefusedAsAWhole(t *testing.T) {
	two := makeTar(t, reg("a", 600), reg("b", 600))
	zeros := bytes.Clone(two)
	zeros = append(zeros, make([]byte, 2<<20)...)
	bomb := gzipped(append(makeTar(t, reg("a", 0)), make([]byte, 8<<20)...))
	for name, c := range map[string]struct {
		b     []byte
		o     Options
		rule  error
		entry string
	}{
		"empty":                          {nil, Options{}, ErrCorrupt, ""},
		"no tar":                         {[]byte(xs(2000)), Options{}, ErrCorrupt, ""},
		"cut off within a file":          {two[:512+100], Options{}, ErrCorrupt, ""},
		"cut off between files":          {two[:512+1024], Options{}, ErrCorrupt, ""},
		"cut off within the end mark":    {two[:len(two)-512], Options{}, ErrCorrupt, ""},
		"another archive after it":       {append(bytes.Clone(two), two...), Options{}, ErrCorrupt, ""},
		"more zeros than any record":     {zeros, Options{}, ErrCorrupt, ""},
		"sparse":                         {sparseHeader(t), Options{}, ErrUnsupported, "a"},
		"gzip that is cut off":           {gzipped(two)[:30], Options{}, ErrCorrupt, ""},
		"gzip of nothing":                {gzipped(nil), Options{}, ErrCorrupt, ""},
		"gzip of a ratio too large":      {bomb, Options{}, ErrLimit, ""},
		"gzip of more than MaxTotalSize": {gzipped(two), Options{MaxTotalSize: 2000}, ErrLimit, ""},
		"gzip of another checksum":       {append(gzipped(two)[:len(gzipped(two))-8], 1, 2, 3, 4, 0, 0, 0, 0), Options{}, ErrCorrupt, ""},
	} {
		t.Run(name, func(t *testing.T) { refused(t, OpenTar, c.b, c.o, c.rule, c.entry) })
	}
}
