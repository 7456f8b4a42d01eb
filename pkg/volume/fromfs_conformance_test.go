package volume_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/directfs/runsc/pkg/volume"
	"github.com/directfs/runsc/pkg/volume/archive"
	"github.com/directfs/runsc/pkg/volume/volumetest"
)

// The read-only backends do what the suite expects of every backend.
func TestConformanceOfReadOnlyBackends(t *testing.T) {
	sample := volumetest.Sample()
	for name, open := range map[string]func(t testing.TB) (volume.Volume, error){
		"fs.FS": func(testing.TB) (volume.Volume, error) { return volume.FromFS(sample), nil },
		"os.Root": func(t testing.TB) (volume.Volume, error) {
			root, err := os.OpenRoot(sampleDir(t, sample))
			if err != nil {
				return nil, err
			}
			t.Cleanup(func() { root.Close() })
			return volume.FromFS(root.FS()), nil
		},
		"zip": func(t testing.TB) (volume.Volume, error) {
			var b bytes.Buffer
			w := zip.NewWriter(&b)
			if err := addAll(sample, func(name string, i fs.FileInfo, content []byte) error { return addToZip(w, name, i, content) }); err != nil {
				return nil, err
			}
			if err := w.Close(); err != nil {
				return nil, err
			}
			return archive.OpenZip(bytes.NewReader(b.Bytes()), int64(b.Len()), archive.Options{})
		},
		"tar": func(t testing.TB) (volume.Volume, error) {
			var b bytes.Buffer
			w := tar.NewWriter(&b)
			if err := addAll(sample, func(name string, i fs.FileInfo, content []byte) error { return addToTar(w, name, i, content) }); err != nil {
				return nil, err
			}
			if err := w.Close(); err != nil {
				return nil, err
			}
			return archive.OpenTar(bytes.NewReader(b.Bytes()), int64(b.Len()), archive.Options{})
		},
	} {
		t.Run(name, func(t *testing.T) {
			volumetest.Run(t, volumetest.Backend{
				Open: func(t testing.TB) volume.Volume {
					v, err := open(t)
					if err != nil {
						t.Fatal(err)
					}
					return v
				},
				Want:  sample,
				Local: true,
			})
		})
	}
}

// addAll calls add for everything but the root. The content of a symbolic link is
// its target.
func addAll(fsys fs.FS, add func(name string, i fs.FileInfo, content []byte) error) error {
	return fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		info, err := fs.Lstat(fsys, name)
		if err != nil {
			return err
		}
		var content []byte
		switch info.Mode().Type() {
		case fs.ModeSymlink:
			target, err := fs.ReadLink(fsys, name)
			if err != nil {
				return err
			}
			content = []byte(target)
		case 0:
			if content, err = fs.ReadFile(fsys, name); err != nil {
				return err
			}
		}
		return add(name, info, content)
	})
}

func addToZip(w *zip.Writer, name string, i fs.FileInfo, content []byte) error {
	h := &zip.FileHeader{Name: name, Modified: i.ModTime(), Method: zip.Deflate}
	h.SetMode(i.Mode())
	if i.IsDir() {
		h.Name += "/"
	}
	f, err := w.CreateHeader(h)
	if err == nil {
		_, err = f.Write(content)
	}
	return err
}

func addToTar(w *tar.Writer, name string, i fs.FileInfo, content []byte) error {
	h, err := tar.FileInfoHeader(i, string(content))
	if err != nil {
		return err
	}
	h.Name, h.Format = name, tar.FormatPAX
	if err := w.WriteHeader(h); err != nil || i.Mode().Type() != 0 {
		return err
	}
	_, err = w.Write(content)
	return err
}

// sampleDir puts the files into a directory of the host.
func sampleDir(t testing.TB, fsys fs.FS) string {
	t.Helper()
	dir := t.TempDir()
	var dirs []func() error
	err := addAll(fsys, func(name string, i fs.FileInfo, content []byte) error {
		path := filepath.Join(dir, name)
		attributes := func() error {
			if err := os.Chmod(path, i.Mode()); err != nil {
				return err
			}
			return os.Chtimes(path, i.ModTime(), i.ModTime())
		}
		switch i.Mode().Type() {
		case fs.ModeSymlink:
			return os.Symlink(string(content), path)
		case fs.ModeDir:
			dirs = append(dirs, attributes)
			return os.Mkdir(path, 0o700)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return err
		}
		return attributes()
	})
	for _, last := range dirs {
		if err == nil {
			err = last()
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
