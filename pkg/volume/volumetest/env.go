package volumetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/directfs/runsc/pkg/volume"
)

// checkTimeout bounds the calls of one check: enough for a remote store.
const checkTimeout = 2 * time.Minute

// env is what a check works with. Its methods end the check where going on has
// no meaning.
type env struct {
	testing.TB
	b   Backend
	ctx context.Context
	v   volume.Volume
}

func newEnv(t testing.TB, b Backend) *env {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), checkTimeout)
	t.Cleanup(cancel)
	v := b.open(t)
	t.Cleanup(func() {
		if err := v.Close(ctx); err != nil {
			t.Errorf("Close of the volume: %v", err)
		}
	})
	return &env{TB: t, b: b, ctx: ctx, v: v}
}

func (e *env) w() volume.Writable { return e.v.(volume.Writable) }

func (e *env) lacks(f Feature) bool { return slices.Contains(e.b.Lacks, f) }

// ok ends the check if something failed that should not.
func (e *env) ok(err error, what string) {
	e.Helper()
	if err != nil {
		e.Fatalf("%s: %v", what, err)
	}
}

// fails demands an error that is one of those given, or any if none is.
func (e *env) fails(err error, what string, want ...error) {
	e.Helper()
	if err == nil {
		e.Errorf("%s: succeeded, want %s", what, oneOf(want))
		return
	}
	is := func(w error) bool { return errors.Is(err, w) }
	if len(want) > 0 && !slices.ContainsFunc(want, is) {
		e.Errorf("%s: error %q, want %s", what, err, oneOf(want))
	}
}

func oneOf(errs []error) string {
	if len(errs) == 0 {
		return "an error"
	}
	return fmt.Sprintf("the error %q", errs)
}

func (e *env) root() volume.ID {
	e.Helper()
	a, err := e.v.Root(e.ctx)
	e.ok(err, "Root")
	return a.ID
}

func (e *env) lookup(dir volume.ID, name string) volume.Attr {
	e.Helper()
	a, err := e.v.Lookup(e.ctx, dir, name)
	e.ok(err, "Lookup of "+name)
	return a
}

// find looks up a path below the root.
func (e *env) find(p string) volume.Attr {
	e.Helper()
	a, err := e.v.Root(e.ctx)
	e.ok(err, "Root")
	if p == "." {
		return a
	}
	for name := range strings.SplitSeq(path.Clean(p), "/") {
		a = e.lookup(a.ID, name)
	}
	return a
}

func (e *env) absent(dir volume.ID, name string) {
	e.Helper()
	_, err := e.v.Lookup(e.ctx, dir, name)
	e.fails(err, "Lookup of "+name, fs.ErrNotExist)
}

func (e *env) stat(id volume.ID) volume.Attr {
	e.Helper()
	a, err := e.v.Stat(e.ctx, id)
	e.ok(err, "Stat")
	return a
}

// list reads a directory to its end, limit names at a time.
func (e *env) list(dir volume.ID, limit int) (all []volume.Entry) {
	e.Helper()
	for after := ""; ; after = all[len(all)-1].Name {
		page, err := e.v.ReadDir(e.ctx, dir, after, limit)
		e.ok(err, "ReadDir")
		if len(page) == 0 {
			return all
		}
		if all = append(all, page...); len(all) > 1_000_000 {
			e.Fatal("ReadDir does not come to an end")
		}
	}
}

func (e *env) names(dir volume.ID) (names []string) {
	e.Helper()
	for _, entry := range e.list(dir, 100) {
		names = append(names, entry.Name)
	}
	return names
}

// has demands exactly these names in a directory.
func (e *env) has(dir volume.ID, want ...string) {
	e.Helper()
	if got := e.names(dir); !slices.Equal(got, want) {
		e.Errorf("the directory has %q, want %q", got, want)
	}
}

var (
	reading   = volume.OpenHow{Read: true}
	writing   = volume.OpenHow{Write: true}
	both      = volume.OpenHow{Read: true, Write: true}
	newFile   = volume.NewFile{Perm: 0o644}
	newFolder = volume.NewFile{Perm: 0o755}
)

// open leaves it to the end of the check to close the handle.
func (e *env) open(id volume.ID, how volume.OpenHow) volume.Handle {
	e.Helper()
	h, err := e.v.Open(e.ctx, id, how)
	e.ok(err, "Open")
	e.Cleanup(func() { h.Close(e.ctx) })
	return h
}

func (e *env) openToWrite(id volume.ID, how volume.OpenHow) volume.WritableHandle {
	e.Helper()
	h, ok := e.open(id, how).(volume.WritableHandle)
	if !ok {
		e.Fatal("a handle opened with Write is not a volume.WritableHandle")
	}
	return h
}

func (e *env) readAll(h volume.Handle) string {
	e.Helper()
	s, err := io.ReadAll(io.NewSectionReader(readerAt{e.ctx, h}, 0, 1<<40))
	e.ok(err, "ReadAt")
	return string(s)
}

// readerAt is a handle as the standard library knows it.
type readerAt struct {
	ctx context.Context
	h   volume.Handle
}

func (r readerAt) ReadAt(p []byte, off int64) (int, error) {
	n, err := r.h.ReadAt(r.ctx, p, off)
	if n < len(p) && err == nil {
		// What reads to the end would never come to it.
		err = io.ErrNoProgress
	}
	return n, err
}

// content demands what a file has, read by a handle of its own.
func (e *env) content(id volume.ID, want string) {
	e.Helper()
	h, err := e.v.Open(e.ctx, id, reading)
	e.ok(err, "Open")
	e.handleContent(h, want)
	e.ok(h.Close(e.ctx), "Close of the handle")
}

func (e *env) handleContent(h volume.Handle, want string) {
	e.Helper()
	if got := e.readAll(h); got != want {
		e.Errorf("ReadAt returned %s, want %s", shown(got), shown(want))
	}
}

// shown quotes the beginning of a content.
func shown(s string) string {
	if len(s) > 64 {
		return fmt.Sprintf("%d bytes %q...", len(s), s[:64])
	}
	return strconv.Quote(s)
}
