package volumetest

import (
	"io/fs"
	"testing"
	"time"

	"github.com/directfs/runsc/pkg/volume"
	"pgregory.net/rapid"
)

var modelChecks = []check{{"model/random-operations", write, randomOperations}}

const (
	// modelRuns times about thirty steps, rapid's mean, are some hundreds.
	modelRuns = 30

	// modelTime is when no other run is begun, for stores that are slow.
	modelTime = 20 * time.Second
)

// randomOperations compares the whole volume with the model after every step.
func randomOperations(e *env) {
	begin, runs, failed := time.Now(), 0, false
	rapid.Check(e, func(t *rapid.T) {
		runs++
		// One that failed is repeated, to make it shorter.
		if !failed && (runs > modelRuns || time.Since(begin) > modelTime) {
			return
		}
		failed = true
		runModel(t, e)
		failed = false
	})
}

func runModel(t *rapid.T, e *env) {
	v := e.b.open(e)
	defer v.Close(e.ctx)
	// rapid.T is no testing.TB. Of that, the methods of env use what it has.
	r := &random{T: t, env: &env{TB: rapidTB{e.TB, t}, b: e.b, ctx: e.ctx, v: v}}
	r.tree = newModel(fs.ModeDir, "")
	r.tree.id = r.env.root()
	t.Repeat(r.operations())
}

// rapidTB reports to rapid.
type rapidTB struct {
	testing.TB
	t *rapid.T
}

func (r rapidTB) Helper()                      { r.t.Helper() }
func (r rapidTB) Error(args ...any)            { r.t.Error(args...) }
func (r rapidTB) Errorf(f string, args ...any) { r.t.Errorf(f, args...) }
func (r rapidTB) Fatal(args ...any)            { r.t.Fatal(args...) }
func (r rapidTB) Fatalf(f string, args ...any) { r.t.Fatalf(f, args...) }
func (r rapidTB) Log(args ...any)              { r.t.Log(args...) }
func (r rapidTB) Logf(f string, args ...any)   { r.t.Logf(f, args...) }

// random is one run: the volume and what it should be.
type random struct {
	*rapid.T
	env  *env
	tree *model
}

func (r *random) operations() map[string]func(*rapid.T) {
	all := map[string]func(*rapid.T){
		"create": r.create, "mkdir": r.mkdir, "remove": r.remove,
		"write": r.write, "truncate": r.truncate,
		"": func(*rapid.T) { r.compare(r.tree) },
	}
	if !r.env.lacks(FileRename) && !r.env.lacks(DirectoryRename) {
		all["rename"] = r.rename
	}
	if implements[volume.Symlinker](r.env.v) {
		all["symlink"] = r.symlink
	}
	if implements[volume.Linker](r.env.v) {
		all["link"] = r.link
	}
	return all
}

// agrees demands success or one of the errors, and says whether it was success.
func (r *random) agrees(err error, what string, want []error) bool {
	r.Helper()
	if len(want) > 0 {
		r.env.fails(err, what, want...)
	} else {
		r.env.ok(err, what)
	}
	return err == nil
}

// compare walks the volume.
func (r *random) compare(dir *model) {
	r.Helper()
	r.env.has(dir.id, dir.sorted()...)
	for name, c := range dir.names {
		a := r.env.lookup(dir.id, name)
		if a.ID != c.id || a.Mode.Type() != c.kind {
			r.Errorf("%s is %q %v, want %q %v", name, a.ID, a.Mode, c.id, c.kind)
			continue
		}
		switch {
		case c.kind.IsDir():
			r.compare(c)
		case c.kind.IsRegular():
			r.env.isFile(dir.id, name, c.id, c.content)
			r.env.size(c.id, int64(len(c.content)))
		default:
			if got := r.env.readLink(c.id); got != c.content {
				r.Errorf("%s is a link to %q, want %q", name, got, c.content)
			}
		}
	}
}
