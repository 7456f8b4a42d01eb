package blob

import (
	"io/fs"
	"testing"
	"testing/fstest"

	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"

	"github.com/directfs/runsc/pkg/volume"
	"github.com/directfs/runsc/pkg/volume/blob/internal/dirbucket"
	"github.com/directfs/runsc/pkg/volume/volumetest"
)

// An object store is no file system, but what it can do it does as one. Calls
// that need nothing of the store do not look at their context: Local.
func TestConformance(t *testing.T) {
	for name, open := range map[string]func(t testing.TB) *blob.Bucket{
		"memory":    func(testing.TB) *blob.Bucket { return memblob.OpenBucket(nil) },
		"directory": openDirectory,
	} {
		t.Run(name, func(t *testing.T) { testConformance(t, open) })
	}
}

func openDirectory(t testing.TB) *blob.Bucket {
	t.Helper()
	b, err := dirbucket.Open(t.TempDir(), dirbucket.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func testConformance(t *testing.T, open func(t testing.TB) *blob.Bucket) {
	t.Run("read-write", func(t *testing.T) {
		volumetest.Run(t, volumetest.Backend{
			Open:    func(t testing.TB) volume.Volume { return openConformant(t, open(t), false, nil) },
			Donates: true, Local: true,
			Lacks: []volumetest.Feature{volumetest.Permissions, volumetest.Owners, volumetest.Times},
		})
	})
	t.Run("read-only", func(t *testing.T) {
		directory := &fstest.MapFile{Mode: fs.ModeDir | 0o755}
		sample := fstest.MapFS{".": directory, "dir": directory, "dir/sub": directory}
		for name, f := range map[string]string{"hello": "hello, world\n", "empty": "", "dir/sub/deep": "deep", "dir/other": "other"} {
			sample[name] = &fstest.MapFile{Mode: 0o644, Data: []byte(f)}
		}
		volumetest.Run(t, volumetest.Backend{
			Open:    func(t testing.TB) volume.Volume { return openConformant(t, open(t), true, sample) },
			Want:    sample,
			Donates: true, Local: true,
		})
	})
}

func openConformant(t testing.TB, b *blob.Bucket, readOnly bool, objects fstest.MapFS) volume.Volume {
	t.Helper()
	t.Cleanup(func() { b.Close() })
	for name, f := range objects {
		if f.Mode.IsDir() {
			continue
		}
		if err := b.WriteAll(t.Context(), name, f.Data, nil); err != nil {
			t.Fatal(err)
		}
	}
	v, err := Open(t.Context(), Config{Bucket: b, Dir: t.TempDir(), ReadOnly: readOnly})
	if err != nil {
		t.Fatal(err)
	}
	return v
}
