package archive

import (
	"archive/zip"
	"io/fs"
	"strings"
	"testing"
)

// hostileZip is a zip that is refused.
type hostileZip struct {
	write func(w *zip.Writer)
	o     Options
	rule  error
	entry string
}

func hostileZips() map[string]hostileZip {
	x := func(names ...string) func(w *zip.Writer) {
		return func(w *zip.Writer) {
			for _, name := range names {
				addMember(w, zip.FileHeader{Name: name, Method: zip.Deflate}, "")
			}
		}
	}
	of := func(h zip.FileHeader, content string) func(w *zip.Writer) {
		return func(w *zip.Writer) { addMember(w, h, content) }
	}
	raw := func(h zip.FileHeader, content string) func(w *zip.Writer) {
		return func(w *zip.Writer) {
			f, err := w.CreateRaw(&h)
			if err != nil {
				panic(err)
			}
			f.Write([]byte(content))
		}
	}
	zeros := strings.Repeat("\x00", 2<<20)
	deep := strings.Repeat("d/", 129)
	return map[string]hostileZip{
		"a name that leads out":             {x("a/../../b"), Options{}, ErrName, "a/../../b"},
		"a name that is absolute":           {x("/etc/passwd"), Options{}, ErrName, "/etc/passwd"},
		"a name with an empty part":         {x("a//b"), Options{}, ErrName, "a//b"},
		"a name with a dot within":          {x("a/./b"), Options{}, ErrName, "a/./b"},
		"a name with a backslash":           {x(`..\a`), Options{}, ErrName, `..\a`},
		"a name with a zero byte":           {x("a\x00b"), Options{}, ErrName, "a\x00b"},
		"an empty name":                     {x(""), Options{}, ErrName, ""},
		"a root that is no directory":       {of(unixHeader(".", 0o644), ""), Options{}, ErrName, "."},
		"a name of 256 bytes":               {x(strings.Repeat("n", 256)), Options{}, ErrName, strings.Repeat("n", 256)},
		"a name of 60000 bytes":             {x(strings.Repeat("n", 60000)), Options{}, ErrName, strings.Repeat("n", 60000)},
		"a file twice":                      {x("a", "a"), Options{}, ErrDuplicate, "a"},
		"a file twice, once with a dot":     {x("a", "./a"), Options{}, ErrDuplicate, "./a"},
		"a file, then in it another":        {x("a", "a/b"), Options{}, ErrDuplicate, "a/b"},
		"a file of the name of a parent":    {x("a/b", "a"), Options{}, ErrDuplicate, "a"},
		"a directory of the name of a file": {x("a", "a/"), Options{}, ErrDuplicate, "a/"},
		"a file through a link": {func(w *zip.Writer) {
			addMember(w, unixHeader("a", fs.ModeSymlink|0o777), "/etc")
			addMember(w, unixHeader("a/passwd", 0o644), "")
		}, Options{}, ErrDuplicate, "a/passwd"},
		"a device":                            {of(unixHeader("a", fs.ModeDevice|0o600), ""), Options{}, ErrType, "a"},
		"a pipe":                              {of(unixHeader("a", fs.ModeNamedPipe|0o600), ""), Options{}, ErrType, "a"},
		"a link of no target":                 {of(unixHeader("a", fs.ModeSymlink|0o777), ""), Options{}, ErrLink, "a"},
		"a link of a target with a zero byte": {of(unixHeader("a", fs.ModeSymlink|0o777), "a\x00b"), Options{}, ErrLink, "a"},
		"a link of a target of 4096 bytes":    {of(unixHeader("a", fs.ModeSymlink|0o777), zeros[:4096]), Options{}, ErrLink, "a"},
		"an encrypted file":                   {raw(zip.FileHeader{Name: "a", Flags: 1}, ""), Options{}, ErrUnsupported, "a"},
		"a compression that is not known":     {raw(zip.FileHeader{Name: "a", Method: 12}, ""), Options{}, ErrUnsupported, "a"},
		"a stored file of two sizes": {raw(zip.FileHeader{Name: "a", CompressedSize64: 1, UncompressedSize64: 2}, "x"),
			Options{}, ErrCorrupt, "a"},
		"a size of more than an int64": {raw(zip.FileHeader{Name: "a", Method: zip.Deflate, CompressedSize64: 1, UncompressedSize64: 1 << 63}, "x"),
			Options{}, ErrLimit, "a"},
		"a file that goes on after the archive": {raw(zip.FileHeader{Name: "a", CompressedSize64: 1 << 40, UncompressedSize64: 1 << 40}, "x"),
			Options{}, ErrCorrupt, "a"},
		"a directory with content":     {raw(zip.FileHeader{Name: "a/", UncompressedSize64: 1, CompressedSize64: 1}, "x"), Options{}, ErrCorrupt, "a/"},
		"a ratio that is too large":    {of(unixHeader("a", 0o644), zeros), Options{}, ErrLimit, "a"},
		"a file that is too large":     {of(unixHeader("a", 0o644), zeros[:100]), Options{MaxFileSize: 99}, ErrLimit, "a"},
		"a file larger than the cache": {of(unixHeader("a", 0o644), zeros[:100]), Options{CacheSize: 99}, ErrLimit, "a"},
		"files that are too large together": {func(w *zip.Writer) {
			addMember(w, unixHeader("a", 0o644), zeros[:60])
			addMember(w, unixHeader("b", 0o644), zeros[:60])
		}, Options{MaxTotalSize: 100}, ErrLimit, "b"},
		"too many entries":            {x("a", "b", "c"), Options{MaxEntries: 2}, ErrLimit, "c"},
		"too many made directories":   {x("a/b/c"), Options{MaxEntries: 2}, ErrLimit, "a/b/c"},
		"a directory again and again": {x("a/", "a/", "a/"), Options{MaxEntries: 2}, ErrLimit, "a/"},
		"a path that is too deep":     {x(deep), Options{}, ErrLimit, deep},
		"an index that is too large":  {x(strings.Repeat("n", 200), "b"), Options{MaxIndexBytes: 400}, ErrLimit, ""},
	}
}

func TestZipThatIsRefused(t *testing.T) {
	for name, c := range hostileZips() {
		t.Run(name, func(t *testing.T) { refused(t, OpenZip, makeZip(t, c.write), c.o, c.rule, c.entry) })
	}
	t.Run("no zip", func(t *testing.T) { refused(t, OpenZip, []byte("no zip"), Options{}, ErrCorrupt, "") })
}
