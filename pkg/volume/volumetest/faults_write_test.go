package volumetest

import (
	"bytes"
	"context"
	"io"
	"syscall"

	"github.com/directfs/runsc/pkg/volume"
)

var readFaults = []fault{
	{"read/content", "a byte differs", func(f *faulty) {
		f.handle = func(h *faultyHandle) {
			h.readAt = func(ctx context.Context, p []byte, off int64) (int, error) {
				n, err := h.handleOf.ReadAt(ctx, p, off)
				if off == 0 && n > 1 {
					p[1]++
				}
				return n, err
			}
		}
	}},
	{"read/any-place", "whole pages", func(f *faulty) {
		f.handle = func(h *faultyHandle) {
			h.readAt = func(ctx context.Context, p []byte, off int64) (int, error) {
				return h.handleOf.ReadAt(ctx, p, off&^4095)
			}
		}
	}},
	{"read/end-of-file", "no error", func(f *faulty) {
		f.handle = func(h *faultyHandle) {
			h.readAt = func(ctx context.Context, p []byte, off int64) (int, error) {
				n, err := h.handleOf.ReadAt(ctx, p, off)
				if n > 0 && err == io.EOF {
					err = nil
				}
				return n, err
			}
		}
	}},
	{"read/content", "it never ends", func(f *faulty) {
		f.handle = func(h *faultyHandle) {
			h.readAt = func(ctx context.Context, p []byte, off int64) (int, error) {
				n, _ := h.handleOf.ReadAt(ctx, p, off)
				return n, nil
			}
		}
	}},
	{"read/beyond-the-end", "invalid", func(f *faulty) {
		f.handle = func(h *faultyHandle) {
			h.readAt = func(ctx context.Context, p []byte, off int64) (int, error) {
				n, err := h.handleOf.ReadAt(ctx, p, off)
				if n == 0 && err == io.EOF {
					err = syscall.EINVAL
				}
				return n, err
			}
		}
	}},
	{"read/handles-are-independent", "close is of the file", func(f *faulty) {
		closed := map[volume.ID]bool{}
		f.handle = func(h *faultyHandle) {
			closed[h.id] = false
			h.close = func(ctx context.Context) error {
				closed[h.id] = true
				return h.handleOf.Close(ctx)
			}
			h.readAt = func(ctx context.Context, p []byte, off int64) (int, error) {
				if closed[h.id] {
					return 0, syscall.EBADF
				}
				return h.handleOf.ReadAt(ctx, p, off)
			}
		}
	}},
}

// writes replaces WriteAt of every handle.
func (f *faulty) writes(writeAt func(h *faultyHandle, ctx context.Context, p []byte, off int64) (int, error)) {
	f.handle = func(h *faultyHandle) {
		h.writeAt = func(ctx context.Context, p []byte, off int64) (int, error) { return writeAt(h, ctx, p, off) }
	}
}

var writeFaults = []fault{
	{"write/read-by-another-handle", "a handle keeps what it read", func(f *faulty) {
		f.handle = func(h *faultyHandle) {
			var kept []byte
			h.readAt = func(ctx context.Context, p []byte, off int64) (int, error) {
				if kept == nil {
					kept = make([]byte, 1<<10)
					n, _ := h.handleOf.ReadAt(ctx, kept, 0)
					kept = kept[:n]
				}
				return bytes.NewReader(kept).ReadAt(p, off)
			}
		}
	}},
	{"write/in-the-middle", "cuts off the rest", func(f *faulty) {
		f.writes(func(h *faultyHandle, ctx context.Context, p []byte, off int64) (int, error) {
			n, err := h.handleOf.WriteAt(ctx, p, off)
			end := off + int64(n)
			f.Volume.SetAttr(ctx, h.id, volume.Change{Size: &end})
			return n, err
		})
	}},
	{"write/extends-with-zeros", "appends", func(f *faulty) {
		f.writes(func(h *faultyHandle, ctx context.Context, p []byte, off int64) (int, error) {
			a, _ := f.Volume.Stat(ctx, h.id)
			return h.handleOf.WriteAt(ctx, p, min(off, a.Size))
		})
	}},
	{"write/size-is-fresh", "as of the last flush", func(f *faulty) {
		sizes := map[volume.ID]int64{}
		f.handle = func(h *faultyHandle) {
			h.flush = func(ctx context.Context) error {
				a, _ := f.Volume.Stat(ctx, h.id)
				sizes[h.id] = a.Size
				return h.handleOf.Flush(ctx)
			}
		}
		f.stat = func(ctx context.Context, id volume.ID) (volume.Attr, error) {
			a, err := f.Volume.Stat(ctx, id)
			a.Size = sizes[id]
			return a, err
		}
	}},
	{"write/large", "short without an error", func(f *faulty) {
		f.writes(func(h *faultyHandle, ctx context.Context, p []byte, off int64) (int, error) {
			return h.handleOf.WriteAt(ctx, p[:min(len(p), 65536)], off)
		})
	}},
	{"write/modification-time", "stays when truncated", func(f *faulty) {
		f.changing(func(a volume.Attr, c *volume.Change) {
			if c.Size != nil {
				c.ModTime = &a.ModTime
			}
		})
	}},
	{"write/does-not-keep-the-buffer", "writes at flush", func(f *faulty) {
		f.handle = func(h *faultyHandle) {
			var kept []byte
			h.writeAt = func(_ context.Context, p []byte, _ int64) (int, error) {
				kept = p
				return len(p), nil
			}
			h.readAt = func(_ context.Context, p []byte, off int64) (int, error) {
				return bytes.NewReader(kept).ReadAt(p, off)
			}
			h.flush = func(ctx context.Context) error {
				_, err := h.handleOf.WriteAt(ctx, kept, 0)
				return err
			}
		}
	}},
	{"write/modification-time", "stays", func(f *faulty) {
		f.writes(func(h *faultyHandle, ctx context.Context, p []byte, off int64) (int, error) {
			a, _ := f.Volume.Stat(ctx, h.id)
			n, err := h.handleOf.WriteAt(ctx, p, off)
			f.Volume.SetAttr(ctx, h.id, volume.Change{ModTime: &a.ModTime})
			return n, err
		})
	}},
	{"write/sync", "not known", func(f *faulty) {
		f.handle = func(h *faultyHandle) { h.sync = func(context.Context) error { return syscall.EINVAL } }
	}},
	{"write/flush-leaves-the-handle-open", "closes it", func(f *faulty) {
		f.handle = func(h *faultyHandle) { h.flush = h.handleOf.Close }
	}},
	{"open/truncate", "is ignored", func(f *faulty) {
		f.open = func(ctx context.Context, id volume.ID, how volume.OpenHow) (volume.Handle, error) {
			how.Truncate = false
			return f.Volume.Open(ctx, id, how)
		}
	}},
	{"open/write-does-not-truncate", "it does", func(f *faulty) {
		f.open = func(ctx context.Context, id volume.ID, how volume.OpenHow) (volume.Handle, error) {
			how.Truncate = how.Write
			return f.Volume.Open(ctx, id, how)
		}
	}},
	{"open/handle-to-write", "it only reads", func(f *faulty) {
		f.open = func(ctx context.Context, id volume.ID, how volume.OpenHow) (volume.Handle, error) {
			h, err := f.Volume.Open(ctx, id, how)
			return struct{ volume.Handle }{h}, err
		}
	}},
}
