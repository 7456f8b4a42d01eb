package blob

import (
	"io/fs"
	"testing"
	"testing/fstest"

	"gocloud.dev/blob/memblob"

	"github.com/directfs/runsc/pkg/volume"
	"github.com/directfs/runsc/pkg/volume/volumetest"
)

// An object store is no file system, but what it can do it does as one. Calls
// that need nothing of the store do not look at their context: Local.
func TestConformance(t *testing.T) {
	t.Run("read-write", func(t *testing.T) {
		volumetest.Run(t, volumetest.Backend{
			Open:    func(t testing.TB) volume.Volume { return openConformant(t, false, nil) },
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
			Open:    func(t testing.TB) volume.Volume { return openConformant(t, true, sample) },
			Want:    sample,
			Donates: true, Local: true,
		})
	})
}

func openConformant(t testing.TB, readOnly bool, objects fstest.MapFS) volume.Volume {
	t.Helper()
	b := memblob.OpenBucket(nil)
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
