package volumetest

import (
	"context"
	"errors"
	"io/fs"
	"syscall"
	"time"

	"github.com/directfs/runsc/pkg/volume"
)

// callFaults has one fault for each method that ignores its context.
func callFaults() []fault {
	all := []fault{{"call/unknown-id", "is the root", func(f *faulty) {
		f.stat = func(ctx context.Context, id volume.ID) (volume.Attr, error) {
			a, err := f.Volume.Stat(ctx, id)
			if errors.Is(err, fs.ErrNotExist) {
				return f.Volume.Root(ctx)
			}
			return a, err
		}
	}}, {"call/unknown-id", "panics", func(f *faulty) {
		f.readDir = func(ctx context.Context, dir volume.ID, after string, limit int) ([]volume.Entry, error) {
			entries, err := f.Volume.ReadDir(ctx, dir, after, limit)
			if err != nil {
				panic(err)
			}
			return entries, nil
		}
	}}, {"call/reads-after-the-deadline", "hangs", func(f *faulty) {
		end := make(chan struct{})
		f.tb.Cleanup(func() { close(end) })
		f.lookup = func(ctx context.Context, dir volume.ID, name string) (volume.Attr, error) {
			if ctx.Err() != nil {
				<-end
			}
			return f.Volume.Lookup(ctx, dir, name)
		}
	}}}
	for name, inject := range ignoreInReads {
		all = append(all, fault{"call/reads-after-the-deadline", name + " goes on", inject})
	}
	for name, inject := range ignoreInChanges {
		all = append(all, fault{"call/changes-after-the-deadline", name + " goes on", inject})
	}
	return all
}

var ignore = context.WithoutCancel

var ignoreInReads = map[string]func(f *faulty){
	"Stat": func(f *faulty) {
		f.stat = func(ctx context.Context, id volume.ID) (volume.Attr, error) { return f.Volume.Stat(ignore(ctx), id) }
	},
	"Lookup": func(f *faulty) {
		f.lookup = func(ctx context.Context, dir volume.ID, name string) (volume.Attr, error) {
			return f.Volume.Lookup(ignore(ctx), dir, name)
		}
	},
	"ReadDir": func(f *faulty) {
		f.readDir = func(ctx context.Context, dir volume.ID, after string, limit int) ([]volume.Entry, error) {
			return f.Volume.ReadDir(ignore(ctx), dir, after, limit)
		}
	},
	"Open": func(f *faulty) {
		f.open = func(ctx context.Context, id volume.ID, how volume.OpenHow) (volume.Handle, error) {
			return f.Volume.Open(ignore(ctx), id, how)
		}
	},
	"ReadAt": func(f *faulty) {
		f.handle = func(h *faultyHandle) {
			h.readAt = func(ctx context.Context, p []byte, off int64) (int, error) {
				if n, err := h.handleOf.ReadAt(ignore(ctx), p, off); n > 0 {
					return n, err
				}
				return 0, nil
			}
		}
	},
}

var ignoreInChanges = map[string]func(f *faulty){
	"Create": func(f *faulty) {
		f.create = func(ctx context.Context, dir volume.ID, name string, n volume.NewFile, how volume.OpenHow) (volume.Attr, volume.WritableHandle, error) {
			return f.Volume.Create(ignore(ctx), dir, name, n, how)
		}
	},
	"Mkdir": func(f *faulty) {
		f.mkdir = func(ctx context.Context, dir volume.ID, name string, n volume.NewFile) (volume.Attr, error) {
			f.Volume.Mkdir(ignore(ctx), dir, name, n)
			return volume.Attr{}, ctx.Err()
		}
	},
	"Remove": func(f *faulty) {
		f.remove = func(ctx context.Context, dir volume.ID, name string, directory bool) error {
			return f.Volume.Remove(ignore(ctx), dir, name, directory)
		}
	},
	"Rename": func(f *faulty) {
		f.renaming(func(m move, _ func() error) error {
			return f.Volume.Rename(ignore(m.ctx), m.oldDir, m.oldName, m.newDir, m.newName, m.noReplace)
		})
	},
	"SetAttr": func(f *faulty) {
		f.setAttr = func(ctx context.Context, id volume.ID, c volume.Change) error {
			return f.Volume.SetAttr(ignore(ctx), id, c)
		}
	},
	"WriteAt": func(f *faulty) {
		f.writes(func(h *faultyHandle, ctx context.Context, p []byte, off int64) (int, error) {
			return h.handleOf.WriteAt(ignore(ctx), p, off)
		})
	},
}

// meeting makes two calls overlap.
type meeting chan struct{}

// meet waits for another call, and returns true to one of the two. A call that
// stays alone goes on after a while.
func (m meeting) meet() bool {
	select {
	case m <- struct{}{}:
		return false
	case <-m:
		return true
	case <-time.After(20 * time.Millisecond):
		return false
	}
}

var concurrentFaults = []fault{
	{"concurrent/readers", "one at a time", func(f *faulty) {
		m := make(meeting)
		f.handle = func(h *faultyHandle) {
			h.readAt = func(ctx context.Context, p []byte, off int64) (int, error) {
				if m.meet() {
					return 0, syscall.EBUSY
				}
				return h.handleOf.ReadAt(ctx, p, off)
			}
		}
	}},
	{"concurrent/creates-in-one-directory", "one update is lost", func(f *faulty) {
		m := make(meeting)
		f.create = func(ctx context.Context, dir volume.ID, name string, n volume.NewFile, how volume.OpenHow) (volume.Attr, volume.WritableHandle, error) {
			a, h, err := f.Volume.Create(ctx, dir, name, n, how)
			if m.meet() {
				f.Volume.Remove(ctx, dir, name, false)
			}
			return a, h, err
		}
	}},
	{"concurrent/one-creator-wins", "looks before it creates", func(f *faulty) {
		m := make(meeting)
		f.create = func(ctx context.Context, dir volume.ID, name string, n volume.NewFile, how volume.OpenHow) (volume.Attr, volume.WritableHandle, error) {
			if _, err := f.Volume.Lookup(ctx, dir, name); err == nil {
				return volume.Attr{}, nil, fs.ErrExist
			}
			m.meet()
			return f.createOrOpen(ctx, dir, name, n, how)
		}
	}},
	{"concurrent/writers-of-one-file", "one update is lost", func(f *faulty) {
		m := make(meeting)
		f.writes(func(h *faultyHandle, ctx context.Context, p []byte, off int64) (int, error) {
			if len(p) > 0 && m.meet() {
				return len(p), nil
			}
			return h.handleOf.WriteAt(ctx, p, off)
		})
	}},
	{"concurrent/renames-over-one-name", "one of two fails", func(f *faulty) {
		m := make(meeting)
		f.renaming(func(mv move, next func() error) error {
			if m.meet() {
				return fs.ErrNotExist
			}
			return next()
		})
	}},
}

var modelFaults = []fault{
	{"model/random-operations", "a directory is replaced with what it has", makesRoom},
	{"model/random-operations", "a link is a copy", copiesLink},
	{"model/random-operations", "a gap is not zeros", func(f *faulty) {
		f.writes(func(h *faultyHandle, ctx context.Context, p []byte, off int64) (int, error) {
			a, _ := f.Volume.Stat(ctx, h.id)
			if gap := off - a.Size; gap > 8 {
				h.handleOf.WriteAt(ctx, []byte("stale"), a.Size)
			}
			return h.handleOf.WriteAt(ctx, p, off)
		})
	}},
}
