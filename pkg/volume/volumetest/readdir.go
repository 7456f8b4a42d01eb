package volumetest

import (
	"fmt"
	"io/fs"
	"slices"

	"github.com/directfs/runsc/pkg/volume"
)

var readDirChecks = []check{
	{"readdir/every-name", 0, readDirComplete},
	{"readdir/ascending-order-of-bytes", 0, readDirSorted},
	{"readdir/pages", 0, readDirPages},
	{"readdir/after-a-name-that-is-gone", 0, readDirAfterMissing},
	{"readdir/no-dots", 0, readDirDots},
	{"readdir/entries-that-stay-while-others-change", write, readDirChanges},
	{"readdir/order-of-new-names", write, readDirOrderOfNew},
}

// eachDir calls f for every directory of the tree, with the names it should
// have.
func (e *env) eachDir(f func(p string, id volume.ID, names []string)) {
	e.Helper()
	tree := e.tree()
	for _, p := range paths(e, tree) {
		if info, err := fs.Lstat(tree, p); err == nil && info.IsDir() {
			f(p, e.find(p).ID, children(e, tree, p))
		}
	}
}

func readDirComplete(e *env) {
	e.eachDir(func(p string, id volume.ID, want []string) {
		got := e.names(id)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			e.Errorf("%s has %q, want %q", p, got, want)
		}
	})
}

func readDirSorted(e *env) {
	e.eachDir(func(p string, id volume.ID, _ []string) {
		page, err := e.v.ReadDir(e.ctx, id, "", 1000)
		e.ok(err, "ReadDir")
		e.ascending(p, page)
	})
}

func (e *env) ascending(p string, page []volume.Entry) {
	e.Helper()
	for i := 1; i < len(page); i++ {
		if page[i-1].Name >= page[i].Name {
			e.Errorf("%s: ReadDir lists %q before %q", p, page[i-1].Name, page[i].Name)
		}
	}
}

func readDirPages(e *env) {
	e.eachDir(func(p string, id volume.ID, want []string) {
		for _, limit := range []int{1, 2, 7} {
			var got []string
			for _, entry := range e.list(id, limit) {
				got = append(got, entry.Name)
			}
			if !slices.Equal(got, want) {
				e.Errorf("%s, read %d entries at a time, has %q, want %q", p, limit, got, want)
			}
		}
	})
}

func readDirAfterMissing(e *env) {
	e.eachDir(func(p string, id volume.ID, names []string) {
		for i, name := range names {
			page, err := e.v.ReadDir(e.ctx, id, name+"\x01", 1)
			e.ok(err, "ReadDir")
			want := slices.DeleteFunc(slices.Clone(names[i+1:]), func(s string) bool { return s <= name+"\x01" })
			if (len(page) == 0) != (len(want) == 0) || len(page) > 0 && page[0].Name != want[0] {
				e.Errorf("%s: ReadDir after %q returned %v, want it to begin with the first of %q", p, name+"\x01", page, want)
			}
		}
	})
}

func readDirDots(e *env) {
	e.eachDir(func(p string, id volume.ID, _ []string) {
		for _, name := range e.names(id) {
			if name == "." || name == ".." {
				e.Errorf("%s: ReadDir lists %q", p, name)
			}
		}
	})
}

// readDirChanges first only makes names and then only removes names, before
// and after the place that was reached, between any two pages.
func readDirChanges(e *env) {
	dir := e.mkdir(e.root(), "dir")
	var stay, gone []string
	for i := range 20 {
		stay = append(stay, fmt.Sprintf("stays-%02d", i))
		e.create(dir, stay[i], "")
	}
	e.listWhile(dir, stay, func(page int) {
		for _, first := range "az" {
			gone = append(gone, fmt.Sprintf("%c-goes-%02d", first, page))
			e.create(dir, gone[len(gone)-1], "")
		}
	})
	e.listWhile(dir, stay, func(page int) {
		if page > 5 && len(gone) > 0 {
			e.remove(dir, gone[0])
			gone = gone[1:]
		}
	})
}

// listWhile reads a directory, calls change after each page, and demands that
// the names that stay are listed once.
func (e *env) listWhile(dir volume.ID, stay []string, change func(page int)) {
	e.Helper()
	var seen []string
	for i, after := 0, ""; ; i++ {
		page, err := e.v.ReadDir(e.ctx, dir, after, 3)
		e.ok(err, "ReadDir")
		if len(page) == 0 {
			break
		}
		for _, entry := range page {
			seen = append(seen, entry.Name)
		}
		if after = seen[len(seen)-1]; i < 20 {
			change(i)
		}
		if i > 200 {
			e.Fatalf("ReadDir does not come to an end: %q", seen)
		}
	}
	for _, name := range stay {
		if n := count(seen, name); n != 1 {
			e.Errorf("%s, which stayed, is listed %d times, want once", name, n)
		}
	}
}

func count(names []string, name string) (n int) {
	for _, s := range names {
		if s == name {
			n++
		}
	}
	return n
}

// readDirOrderOfNew makes names whose order differs from that of letters. What
// cannot be a name in the store may be refused.
func readDirOrderOfNew(e *env) {
	var want []string
	dir := e.mkdir(e.root(), "dir")
	for _, name := range []string{"b", "B", "a", "a-", "a.b", "ab", "...", "ä", "-", "a b", "a\nb", `a\b`, longName} {
		_, h, err := e.w().Create(e.ctx, dir, name, newFile, writing)
		if err != nil {
			e.Logf("the name %q is refused: %v", name, err)
			continue
		}
		e.ok(h.Close(e.ctx), "Close")
		want = append(want, name)
	}
	slices.Sort(want)
	e.has(dir, want...)
}
