package volumetest

import (
	"context"
	"time"

	"github.com/directfs/runsc/pkg/volume"
)

var callChecks = []check{
	{"call/reads-after-the-deadline", 0, callsCancelled},
	{"call/changes-after-the-deadline", write, changesCancelled},
	{"call/unknown-id", 0, unknownID},
}

// soon is far above what a call takes that does not wait, and far below a
// timeout that an application sees.
const soon = 2 * time.Second

// cancelled makes a call whose context has ended. It must return soon: nobody
// waits for it, and while it runs it is one of few that may.
func (e *env) cancelled(what string, call func(ctx context.Context) error) {
	e.Helper()
	ctx, cancel := context.WithCancel(e.ctx)
	cancel()
	done := make(chan error, 1)
	go func() { done <- call(ctx) }()
	select {
	case err := <-done:
		if !e.b.Local {
			e.fails(err, what+" with a cancelled context")
		}
	case <-time.After(soon):
		e.Fatalf("%s with a cancelled context goes on after %v", what, soon)
	}
}

func callsCancelled(e *env) {
	var file volume.ID
	e.eachRegular(func(_ string, id volume.ID, _ string) { file = id })
	h := e.open(file, reading)
	root := e.root()
	name := e.names(root)[0]
	e.cancelled("Lookup", func(ctx context.Context) error { _, err := e.v.Lookup(ctx, root, name); return err })
	e.cancelled("ReadDir", func(ctx context.Context) error { _, err := e.v.ReadDir(ctx, root, "", 10); return err })
	e.cancelled("Stat", func(ctx context.Context) error { _, err := e.v.Stat(ctx, file); return err })
	e.cancelled("ReadAt", func(ctx context.Context) error { _, err := h.ReadAt(ctx, make([]byte, 1), 0); return err })
	e.cancelled("Open", func(ctx context.Context) error {
		h, err := e.v.Open(ctx, file, reading)
		if err == nil {
			h.Close(e.ctx)
		}
		return err
	})
}

// changesCancelled demands as well that a change that failed is none.
func changesCancelled(e *env) {
	root := e.root()
	a, h := e.createOpen(root, "file")
	e.write(h, "content", 0)
	e.cancelled("WriteAt", func(ctx context.Context) error { _, err := h.WriteAt(ctx, []byte("x"), 0); return err })
	e.cancelled("SetAttr", func(ctx context.Context) error {
		return e.w().SetAttr(ctx, a.ID, volume.Change{Size: new(int64(0))})
	})
	e.cancelled("Create", func(ctx context.Context) error {
		_, h, err := e.w().Create(ctx, root, "new", newFile, both)
		if err == nil {
			h.Close(e.ctx)
		}
		return err
	})
	e.cancelled("Mkdir", func(ctx context.Context) error {
		_, err := e.w().Mkdir(ctx, root, "dir", newFolder)
		return err
	})
	e.cancelled("Rename", func(ctx context.Context) error { return e.w().Rename(ctx, root, "file", root, "other", false) })
	e.cancelled("Remove", func(ctx context.Context) error { return e.w().Remove(ctx, root, "file", false) })
	if !e.b.Local {
		e.has(root, "file")
		e.isFile(root, "file", a.ID, "content")
	}
}

// unknownID may not panic either.
func unknownID(e *env) {
	for _, id := range []volume.ID{"", "volumetest: no such ID"} {
		_, err := e.v.Stat(e.ctx, id)
		e.fails(err, "Stat of an unknown ID")
		_, err = e.v.Lookup(e.ctx, id, "name")
		e.fails(err, "Lookup in an unknown ID")
		_, err = e.v.ReadDir(e.ctx, id, "", 10)
		e.fails(err, "ReadDir of an unknown ID")
		_, err = e.v.Open(e.ctx, id, reading)
		e.fails(err, "Open of an unknown ID")
	}
}
