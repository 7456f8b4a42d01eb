package volumetest

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"github.com/directfs/runsc/pkg/volume"
)

// concurrentChecks find more with the race detector.
var concurrentChecks = []check{
	{"concurrent/readers", 0, concurrentReaders},
	{"concurrent/creates-in-one-directory", write, concurrentCreates},
	{"concurrent/one-creator-wins", write, concurrentOneWins},
	{"concurrent/writers-of-one-file", write, concurrentWriters},
	{"concurrent/renames-over-one-name", rename, concurrentRenames},
}

const workers = 8

// parallel runs f for every worker at once. The functions report with Errorf
// and return: FailNow is for the test's own goroutine.
func parallel(f func(worker int)) {
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() { f(i) })
	}
	wg.Wait()
}

func concurrentReaders(e *env) {
	type known struct {
		id      volume.ID
		content string
	}
	var files []known
	e.eachRegular(func(_ string, id volume.ID, content string) { files = append(files, known{id, content}) })
	parallel(func(int) {
		for _, f := range files {
			if err := e.compare(f.id, f.content); err != nil {
				e.Errorf("concurrent reader: %v", err)
				return
			}
		}
	})
}

// compare is content for goroutines of a check.
func (e *env) compare(id volume.ID, want string) error {
	h, err := e.v.Open(e.ctx, id, reading)
	if err != nil {
		return err
	}
	defer h.Close(e.ctx)
	buf := make([]byte, len(want)+1)
	n, _ := h.ReadAt(e.ctx, buf, 0)
	if got := string(buf[:n]); got != want {
		return fmt.Errorf("ReadAt returned %s, want %s", shown(got), shown(want))
	}
	return nil
}

func concurrentCreates(e *env) {
	root := e.root()
	var want []string
	for i := range workers {
		for j := range 20 {
			want = append(want, fmt.Sprintf("%d-%02d", i, j))
		}
	}
	parallel(func(i int) {
		for j := range 20 {
			_, h, err := e.w().Create(e.ctx, root, fmt.Sprintf("%d-%02d", i, j), newFile, writing)
			if err != nil {
				e.Errorf("Create: %v", err)
				return
			}
			h.Close(e.ctx)
		}
	})
	ids := map[volume.ID]bool{}
	for _, entry := range e.list(root, 50) {
		ids[entry.ID] = true
	}
	if e.has(root, want...); len(ids) != len(want) {
		e.Errorf("%d files have %d IDs", len(want), len(ids))
	}
}

func concurrentOneWins(e *env) {
	root := e.root()
	for i := range 10 {
		name := fmt.Sprint("name-", i)
		errs := make([]error, workers)
		parallel(func(w int) {
			var h volume.WritableHandle
			if _, h, errs[w] = e.w().Create(e.ctx, root, name, newFile, writing); errs[w] == nil {
				h.Close(e.ctx)
			}
		})
		winners := slices.DeleteFunc(slices.Clone(errs), func(err error) bool { return errors.Is(err, fs.ErrExist) })
		if len(winners) != 1 || winners[0] != nil {
			e.Errorf("of %d that create one name, want one to succeed and the others to get %q: %v", workers, fs.ErrExist, errs)
		}
	}
}

// concurrentWriters write next to each other, each with a handle of its own.
func concurrentWriters(e *env) {
	a := e.create(e.root(), "file", "")
	handles := make([]volume.WritableHandle, workers)
	for i := range handles {
		handles[i] = e.openToWrite(a.ID, both)
	}
	const pieces, length = 16, 1000
	piece := func(i int) []byte { return []byte(strings.Repeat(string(rune('A'+i)), length)) }
	parallel(func(i int) {
		for j := range pieces {
			if _, err := handles[i].WriteAt(e.ctx, piece(i), int64((j*workers+i)*length)); err != nil {
				e.Errorf("WriteAt: %v", err)
			}
		}
	})
	var want strings.Builder
	for range pieces {
		for i := range workers {
			want.Write(piece(i))
		}
	}
	e.content(a.ID, want.String())
}

// concurrentRenames replace a name that is there at every moment.
func concurrentRenames(e *env) {
	root := e.root()
	e.create(root, "name", "first")
	for i := range workers {
		e.create(root, fmt.Sprint("new-", i), "later")
	}
	parallel(func(i int) {
		if err := e.w().Rename(e.ctx, root, fmt.Sprint("new-", i), root, "name", false); err != nil {
			e.Errorf("Rename: %v", err)
		}
		if _, err := e.v.Lookup(e.ctx, root, "name"); err != nil {
			e.Errorf("Lookup of a name that is only ever replaced: %v", err)
		}
	})
	e.has(root, "name")
	e.content(e.lookup(root, "name").ID, "later")
}
