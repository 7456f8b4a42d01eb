package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// doc is the directory of documents.
const doc = "share/doc/" + name + "/"

// tree is the files of a package, below usr or whatever else the prefix is.
type tree []file

// file has its content in data, or in the file of the name from.
type file struct {
	path string
	mode fs.FileMode
	data []byte
	from string
}

func (f file) content() ([]byte, error) {
	if f.from == "" {
		return f.data, nil
	}
	return os.ReadFile(f.from)
}

// common is what all packages of an architecture have, beside documentation.
func (b *build) common(programs []program, l licences) tree {
	var t tree
	for _, p := range programs {
		t = append(t, file{path: "bin/" + p.name, mode: 0o755, from: p.file})
	}
	return append(t, file{path: doc + "copyright", mode: 0o644, data: []byte(l.copyright())})
}

// debian is the tree as it is in a Debian package: below usr, with the
// changelog that Debian wants.
func (b *build) debian(version string, files tree) tree {
	var t tree
	for _, f := range files {
		if f.path == unit {
			f.data = bytes.ReplaceAll(f.data, []byte("/usr/local/bin/"), []byte("/usr/bin/"))
		}
		f.path = "usr/" + f.path
		t = append(t, f)
	}
	entry := fmt.Sprintf(`%s (%s) unstable; urgency=medium

  * Built from %s. What has changed is in changelog.gz.

 -- %s  %s
`, name, version, b.described, maintainer, b.time.Format(time.RFC1123Z))
	t = append(t, file{path: "usr/" + doc + "changelog.Debian.gz", mode: 0o644, data: compress([]byte(entry))},
		file{path: "usr/share/lintian/overrides/" + name, mode: 0o644, data: []byte(overrides)})
	return t.sorted()
}

// local is the tree as it is in a tarball, for /usr/local.
func (b *build) local(files tree) tree {
	t := slices.Clone(files)
	t = append(t, file{path: doc + "LICENSE", mode: 0o644, from: filepath.Join(b.root, "LICENSE")})
	for i, f := range t {
		f.path = strings.Replace(f.path, "share/zsh/vendor-completions/", "share/zsh/site-functions/", 1)
		t[i] = f
	}
	return t.sorted()
}

func (t tree) sorted() tree {
	slices.SortFunc(t, func(x, y file) int { return strings.Compare(x.path, y.path) })
	return t
}

// directories are those of the tree, each before those below it.
func (t tree) directories() []string {
	var all []string
	for _, f := range t {
		for d := path.Dir(f.path); d != "."; d = path.Dir(d) {
			all = append(all, d)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// compress is gzip -9n.
func compress(data []byte) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	_, err := w.Write(data)
	if err := errors.Join(err, w.Close()); err != nil {
		panic(err) // a buffer takes everything
	}
	return b.Bytes()
}

// documentation is what is the same for all architectures.
func (b *build) documentation(programs string) (tree, error) {
	t, err := b.manuals(programs)
	if err != nil {
		return nil, err
	}
	service, err := b.service()
	if err != nil {
		return nil, err
	}
	changes, err := os.ReadFile(filepath.Join(b.root, "CHANGELOG.md"))
	if err != nil {
		return nil, err
	}
	t = append(t, service, file{path: doc + "changelog.gz", mode: 0o644, data: compress(changes)})
	for _, name := range []string{"README.md", "SECURITY.md"} {
		t = append(t, file{path: doc + name, mode: 0o644, from: filepath.Join(b.root, name)})
	}
	for from, to := range map[string]string{"docs": doc + "docs", "runsc/deploy": doc + "examples"} {
		files, err := b.directory(from, to)
		if err != nil {
			return nil, err
		}
		t = append(t, files...)
	}
	return t, nil
}

// shipped are the files of docs and of examples that readers want.
var shipped = regexp.MustCompile(`(\.(md|svg|yaml|yml|json|toml)|/Containerfile)$`)

func (b *build) directory(from, to string) (tree, error) {
	var t tree
	base := filepath.Join(b.root, from)
	err := filepath.WalkDir(base, func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && path == base {
			return nil
		}
		if err == nil && e.Type().IsRegular() && shipped.MatchString(path) && !strings.Contains(path, "/testdata/") {
			t = append(t, file{path: to + strings.TrimPrefix(path, base), mode: 0o644, from: path})
		}
		return err
	})
	return t, err
}

// unit is the service of systemd.
const unit = "lib/systemd/system/volumed.service"

var unitText = regexp.MustCompile("(?s)## systemd\n+```\n(.*?)```")

// service is the unit that docs/volumed.md shows.
func (b *build) service() (file, error) {
	const document = "docs/volumed.md"
	text, err := os.ReadFile(filepath.Join(b.root, document))
	if err != nil {
		return file{}, err
	}
	m := unitText.FindSubmatch(text)
	if m == nil {
		return file{}, fmt.Errorf("%s has no block of text under the heading systemd", document)
	}
	return file{path: unit, mode: 0o644, data: m[1]}, nil
}
