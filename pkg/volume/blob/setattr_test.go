package blob

import (
	"errors"
	"io/fs"
	"syscall"
	"testing"
	"time"

	"github.com/directfs/runsc/pkg/volume"
)

func TestSetAttr(t *testing.T) {
	now, old := time.Now(), time.Unix(1_000_000_000, 123_000_000)
	for name, c := range map[string]struct {
		change volume.Change
		keep   bool
		want   error
	}{
		"same mode":          {volume.Change{Perm: ptr(fs.FileMode(0o644))}, false, nil},
		"another mode":       {volume.Change{Perm: ptr(fs.FileMode(0o755))}, false, syscall.EPERM},
		"same owner":         {volume.Change{UID: ptr(uint32(0)), GID: ptr(uint32(0))}, false, nil},
		"another owner":      {volume.Change{UID: ptr(uint32(1))}, false, syscall.EPERM},
		"now":                {volume.Change{ModTime: &now, AccessTime: &now}, false, nil},
		"an old time":        {volume.Change{ModTime: &old, AccessTime: &old}, false, syscall.EPERM},
		"an old time, kept":  {volume.Change{ModTime: &old, AccessTime: &old}, true, nil},
		"access time alone":  {volume.Change{AccessTime: &old}, true, syscall.EPERM},
		"size and bad owner": {volume.Change{Size: ptr(int64(1)), UID: ptr(uint32(1))}, false, syscall.EPERM},
		"size":               {volume.Change{Size: ptr(int64(3))}, false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKit(t, func(cfg *Config) { cfg.KeepTimes = c.keep }, "a")
			before := k.lookup("a")
			err := k.v.SetAttr(k.ctx, before.ID, c.change)
			if !errors.Is(err, c.want) {
				t.Fatalf("error %v, want %v", err, c.want)
			}
			after := k.lookup("a")
			if after.ID != before.ID || (err != nil && after != before) {
				t.Fatalf("%+v became %+v", before, after)
			}
			if c.keep && err == nil && !after.ModTime.Equal(old) {
				t.Fatalf("time %v", after.ModTime)
			}
			if c.change.Size != nil && err == nil {
				k.wantObject("a", "con")
			}
		})
	}
}

func TestKeptTimes(t *testing.T) {
	k := newKit(t, func(c *Config) { c.KeepTimes = true })
	want := time.Unix(1_234_567_890, 5_000_000)
	h := k.create("a")
	k.writeAt(h, "x", 0)
	k.must(k.v.SetAttr(k.ctx, k.lookup("a").ID, volume.Change{ModTime: &want}))
	k.must(h.Flush(k.ctx))
	k.must(h.Close(k.ctx))
	k.must(k.rename("a", "b"))
	k.relist()
	if got := k.lookup("b").ModTime; !got.Equal(want) {
		t.Fatalf("time %v, want %v", got, want)
	}
	h = k.openFile("b", rw)
	k.writeAt(h, "y", 0)
	k.must(h.Flush(k.ctx))
	written := k.lookup("b").ModTime
	k.must(h.Close(k.ctx))
	k.relist()
	if got := k.lookup("b").ModTime; !got.Equal(written) || got.Equal(want) {
		t.Fatalf("time %v, want %v", got, written)
	}
}

func TestUploadKeepsProperties(t *testing.T) {
	k := newKit(t, nil)
	k.must(k.inner.WriteAll(k.ctx, "page", []byte("<p>"), writerWith("text/markdown", map[string]string{"owner": "me"})))
	k.relist()
	h := k.openFile("page", rw)
	k.writeAt(h, "new", 0)
	k.must(h.Flush(k.ctx))
	k.must(h.Close(k.ctx))
	a, err := k.inner.Attributes(k.ctx, "page")
	k.must(err)
	if a.ContentType != "text/markdown" || a.Metadata["owner"] != "me" {
		t.Fatalf("%+v", a)
	}
}
