package volumetest

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/directfs/runsc/pkg/volume"
)

var treeFaults = []fault{
	{"tree/root-is-a-directory", "file", func(f *faulty) {
		f.root = func(ctx context.Context) (volume.Attr, error) {
			a, err := f.Volume.Root(ctx)
			a.Mode = 0o644
			return a, err
		}
	}},
	{"tree/root-is-a-directory", "empty ID", func(f *faulty) {
		f.root = func(context.Context) (volume.Attr, error) {
			return volume.Attr{Mode: fs.ModeDir | 0o755}, nil
		}
	}},
	{"tree/ids-are-unique", "by size", func(f *faulty) {
		f.found(func(_ string, a *volume.Attr) {
			if a.Mode.IsRegular() {
				a.ID = volume.ID(fmt.Sprint(a.Size))
			}
		})
	}},
	{"tree/ids-are-stable", "one for each lookup", func(f *faulty) {
		n := 0
		f.found(func(_ string, a *volume.Attr) {
			if n++; a.Mode.IsRegular() {
				a.ID = volume.ID(fmt.Sprint("new-", n))
			}
		})
	}},
	{"tree/lookup-stat-and-readdir-agree", "size of stat", func(f *faulty) {
		f.stat = func(ctx context.Context, id volume.ID) (volume.Attr, error) {
			a, err := f.Volume.Stat(ctx, id)
			a.Size++
			return a, err
		}
	}},
	{"tree/lookup-stat-and-readdir-agree", "type of readdir", func(f *faulty) {
		f.listed(eachEntry(func(e *volume.Entry) { e.Type = 0 }))
	}},
	{"tree/lookup-stat-and-readdir-agree", "ID of readdir", func(f *faulty) {
		f.listed(eachEntry(func(e *volume.Entry) { e.ID = volume.ID(e.Name) }))
	}},
	{"tree/lookup-of-a-missing-name", "another error", func(f *faulty) {
		f.lookup = func(ctx context.Context, dir volume.ID, name string) (volume.Attr, error) {
			a, err := f.Volume.Lookup(ctx, dir, name)
			if err != nil {
				err = syscall.EINVAL
			}
			return a, err
		}
	}},
	{"tree/types", "links are files", func(f *faulty) {
		f.found(func(_ string, a *volume.Attr) { a.Mode &^= fs.ModeSymlink })
	}},
	{"tree/permissions", "all may execute", func(f *faulty) {
		f.found(func(_ string, a *volume.Attr) { a.Mode |= 0o111 })
	}},
	{"tree/sizes", "negative", func(f *faulty) {
		f.found(func(_ string, a *volume.Attr) { a.Size = -1 })
	}},
	{"tree/sizes", "links have none", func(f *faulty) {
		f.found(func(_ string, a *volume.Attr) {
			if a.Mode&fs.ModeSymlink != 0 {
				a.Size = 0
			}
		})
	}},
	{"tree/modification-times", "now", func(f *faulty) {
		f.found(func(_ string, a *volume.Attr) { a.ModTime = time.Now() })
	}},
	{"tree/link-targets", "absolute", func(f *faulty) {
		f.readLink = func(ctx context.Context, id volume.ID) (string, error) {
			target, err := f.Volume.ReadLink(ctx, id)
			return "/" + target, err
		}
	}},
}

func eachEntry(change func(e *volume.Entry)) func(string, int, []volume.Entry) []volume.Entry {
	return func(_ string, _ int, page []volume.Entry) []volume.Entry {
		for i := range page {
			change(&page[i])
		}
		return page
	}
}

var readDirFaults = []fault{
	{"readdir/every-name", "one is hidden", func(f *faulty) {
		f.listed(func(_ string, _ int, page []volume.Entry) []volume.Entry { return without(page, "script") })
	}},
	{"readdir/ascending-order-of-bytes", "descending", func(f *faulty) {
		f.listed(func(_ string, _ int, page []volume.Entry) []volume.Entry {
			slices.Reverse(page)
			return page
		})
	}},
	{"readdir/pages", "the first of a later page is skipped", func(f *faulty) {
		f.listed(func(after string, _ int, page []volume.Entry) []volume.Entry {
			if after != "" && len(page) > 1 {
				page = page[1:]
			}
			return page
		})
	}},
	{"readdir/pages", "one page only", func(f *faulty) {
		f.listed(func(after string, _ int, page []volume.Entry) []volume.Entry {
			if after != "" {
				return nil
			}
			return page
		})
	}},
	{"readdir/after-a-name-that-is-gone", "ends", func(f *faulty) {
		f.readDir = func(ctx context.Context, dir volume.ID, after string, limit int) ([]volume.Entry, error) {
			if _, err := f.Volume.Lookup(ctx, dir, after); after != "" && err != nil {
				return nil, nil
			}
			return f.Volume.ReadDir(ctx, dir, after, limit)
		}
	}},
	{"readdir/no-dots", "dot", func(f *faulty) {
		f.listed(func(after string, _ int, page []volume.Entry) []volume.Entry {
			if after == "" {
				page = append([]volume.Entry{{Name: ".", Type: fs.ModeDir}}, page...)
			}
			return page
		})
	}},
	{"readdir/entries-that-stay-while-others-change", "places are positions", func(f *faulty) {
		f.positions(func(served, _ int) int { return served })
	}},
	{"readdir/entries-that-stay-while-others-change", "places are positions from the end", func(f *faulty) {
		f.positions(func(served, grown int) int { return served + grown })
	}},
	{"readdir/order-of-new-names", "order of letters", func(f *faulty) {
		f.listed(func(_ string, _ int, page []volume.Entry) []volume.Entry {
			slices.SortStableFunc(page, func(a, b volume.Entry) int {
				return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
			})
			return page
		})
	}},
	{"readdir/order-of-new-names", "long ones are hidden", func(f *faulty) {
		f.listed(func(_ string, _ int, page []volume.Entry) []volume.Entry { return without(page, longName) })
	}},
}

func without(page []volume.Entry, name string) []volume.Entry {
	return slices.DeleteFunc(page, func(e volume.Entry) bool { return e.Name == name })
}

// positions makes ReadDir go on at a place that it finds from how many entries
// it returned so far, and by how many the directory has grown since.
func (f *faulty) positions(place func(served, grown int) int) {
	served, size := 0, 0
	f.readDir = func(ctx context.Context, dir volume.ID, after string, limit int) ([]volume.Entry, error) {
		all, err := f.Volume.ReadDir(ctx, dir, "", 1000)
		if after == "" {
			served, size = 0, len(all)
		}
		begin := min(max(0, place(served, len(all)-size)), len(all))
		page := all[begin:min(begin+limit, len(all))]
		served += len(page)
		return page, err
	}
}
