package volumetest

import (
	"context"
	"os"
	"path/filepath"

	"github.com/directfs/runsc/pkg/volume"
)

// donating replaces HostFile.
func (f *faulty) donating(hostFile func(h *faultyHandle) *os.File) {
	f.handle = func(h *faultyHandle) {
		h.hostFile = func() *os.File { return hostFile(h) }
	}
}

// hostCopy returns a file with the content of another, open for writing too.
func (f *faulty) hostCopy(h *faultyHandle) *os.File {
	c, err := os.Create(filepath.Join(f.tb.TempDir(), "copy"))
	if err != nil {
		f.tb.Fatal(err)
	}
	f.tb.Cleanup(func() { c.Close() })
	data := make([]byte, 1<<20)
	n, _ := h.handleOf.ReadAt(context.Background(), data, 0)
	c.Write(data[:n])
	return c
}

// reopened returns the same file, open as a donor must.
func (f *faulty) reopened(w *os.File) *os.File {
	r, err := os.Open(w.Name())
	if err != nil {
		f.tb.Fatal(err)
	}
	f.tb.Cleanup(func() { r.Close() })
	return r
}

func noHostFile(*faultyHandle) *os.File { return nil }

var donateFaults = []fault{
	{"donate/every-handle-that-reads", "none", func(f *faulty) { f.donating(noHostFile) }},
	{"donate/every-handle-that-reads", "is no donor", func(f *faulty) {
		f.open = func(ctx context.Context, id volume.ID, how volume.OpenHow) (volume.Handle, error) {
			h, err := f.Volume.Open(ctx, id, how)
			return struct{ volume.Handle }{h}, err
		}
	}},
	{"donate/new-files", "none", func(f *faulty) { f.donating(noHostFile) }},
	{"donate/a-regular-file-open-for-reading-only", "for writing too", func(f *faulty) { f.donating(f.hostCopy) }},
	{"donate/a-regular-file-open-for-reading-only", "a pipe", func(f *faulty) {
		f.donating(func(*faultyHandle) *os.File {
			r, w, err := os.Pipe()
			if err != nil {
				f.tb.Fatal(err)
			}
			f.tb.Cleanup(func() { r.Close(); w.Close() })
			return r
		})
	}},
	{"donate/what-readat-returns", "cut off", func(f *faulty) {
		f.donating(func(h *faultyHandle) *os.File {
			c := f.hostCopy(h)
			c.Truncate(1)
			return f.reopened(c)
		})
	}},
	{"donate/after-writes-by-other-handles", "a copy", func(f *faulty) {
		f.donating(func(h *faultyHandle) *os.File { return f.reopened(f.hostCopy(h)) })
	}},
	{"donate/until-the-handle-is-closed", "one for all handles is closed", func(f *faulty) {
		shared := map[volume.ID]*os.File{}
		f.handle = func(h *faultyHandle) {
			h.hostFile = func() *os.File {
				if shared[h.id] == nil {
					shared[h.id] = f.reopened(f.hostCopy(h))
				}
				return shared[h.id]
			}
			h.close = func(ctx context.Context) error {
				if r := shared[h.id]; r != nil {
					r.Close()
				}
				return h.handleOf.Close(ctx)
			}
		}
	}},
}

// RootFile implements volume.RootDonor.
func (d *rootDonor) RootFile(context.Context) (*os.File, error) {
	i := min(d.calls, len(d.roots)-1)
	d.calls++
	return d.roots[i], nil
}

var donateRootFaults = []fault{
	{"donate-root/a-directory", "a file", func(f *faulty) {
		f.donor.donate(filepath.Join(f.donor.roots[0].Name(), "hello"))
	}},
	{"donate-root/the-same-tree", "a directory below", func(f *faulty) {
		f.donor.donate(filepath.Join(f.donor.roots[0].Name(), "dir"))
	}},
	{"donate-root/the-same-tree", "other content", func(f *faulty) {
		os.WriteFile(filepath.Join(f.donor.roots[0].Name(), "hello"), []byte("other"), 0o644)
	}},
	{"donate-root/more-than-once", "another directory", func(f *faulty) {
		f.donor.donate(f.donor.roots[0].Name(), f.tb.TempDir())
	}},
}
