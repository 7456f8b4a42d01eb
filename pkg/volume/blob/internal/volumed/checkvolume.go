package volumed

import (
	"context"
	"crypto/rand"
	"fmt"
	"io/fs"
	"strings"

	gocloud "gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"github.com/directfs/runsc/pkg/volume/blob"
	"github.com/directfs/runsc/pkg/volume/blob/internal/stores"
	"github.com/directfs/runsc/pkg/volume/blob/internal/volumed/settings"
)

// report is what was found about one volume: a line of the table, and texts.
type report struct {
	name                           string
	place, store                   string // without and with parameters
	list, write, conditions, names string
	errors                         []error
	warnings                       []string
}

// fail notes an error and returns the word for the table.
func (r *report) fail(what string, err error) string {
	r.errors = append(r.errors, fmt.Errorf("%s: %w", what, stores.Explain(err)))
	return "failed"
}

func (c *check) volume(ctx context.Context, name string, v settings.Volume) report {
	r := report{name: name, list: "ok", write: "not tried", conditions: "-", names: "not tried"}
	r.store = storeName(v)
	r.place, _, _ = strings.Cut(r.store, "?")
	if v.ReadOnly {
		r.write = "read-only"
	}
	if err := list(ctx, v); err != nil {
		r.list = r.fail("listing", err)
		return r
	}
	store, err := openStore(ctx, v)
	if err != nil {
		r.list = r.fail("opening", err)
		return r
	}
	defer store.Bucket.Close()
	if c.write && !v.ReadOnly {
		(&probe{v: v, store: store, report: &r}).run(ctx)
	}
	if c.names {
		r.names = r.audit(ctx, v, store)
	}
	if storeScheme(v) == "mem" {
		r.warnings = append(r.warnings, "a volume in memory is for trying out: each sandbox has one of its own, which ends with it")
	}
	return r
}

// shownFindings is how many objects are named in the answer.
const shownFindings = 10

func (r *report) audit(ctx context.Context, v settings.Volume, store *stores.Store) string {
	found, err := blob.Audit(ctx, config(v, store, "", nil, nil))
	if err != nil {
		return r.fail("looking at names", err)
	}
	if len(found) == 0 {
		return "ok"
	}
	for i, f := range found {
		if i == shownFindings {
			r.warnings = append(r.warnings, fmt.Sprintf("%d more objects have no proper name", len(found)-i))
			break
		}
		r.warnings = append(r.warnings, fmt.Sprintf("object %q: %s; containers see it as %q", f.Key, f.Problem, f.Shown))
	}
	return fmt.Sprintf("%d not shown as they are", len(found))
}

// probe writes an object of its own and deletes it.
type probe struct {
	v      settings.Volume
	store  *stores.Store
	report *report
	key    string
}

func (p *probe) run(ctx context.Context) {
	p.key = p.v.Prefix + ".volumed-check-" + rand.Text()
	r := p.report
	r.write, r.conditions = "ok", "none"
	err := p.put(ctx, "first", "")
	if err == nil {
		err = p.readBack(ctx, "first")
	}
	if err != nil {
		r.write = r.fail("writing "+p.key, err)
	} else if p.store.IfMatch != nil {
		r.conditions = p.conditions(ctx)
	}
	if err := p.store.Bucket.Delete(ctx, p.key); err != nil && gcerrors.Code(err) != gcerrors.NotFound {
		r.write = r.fail("deleting "+p.key, err)
	}
}

// put writes the object if it still has the ETag; "" is for a new one.
func (p *probe) put(ctx context.Context, content, etag string) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout(p.v))
	defer cancel()
	o := &gocloud.WriterOptions{ContentType: "text/plain", IfNotExist: etag == ""}
	if etag != "" {
		p.store.IfMatch(o, etag)
	}
	return p.store.Bucket.WriteAll(ctx, p.key, []byte(content), o)
}

func (p *probe) readBack(ctx context.Context, want string) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout(p.v))
	defer cancel()
	got, err := p.store.Bucket.ReadAll(ctx, p.key)
	if err == nil && string(got) != want {
		err = fmt.Errorf("%d bytes were read back that are not the %d that were written: %w", len(got), len(want), fs.ErrInvalid)
	}
	return err
}

// conditions tries whether the store refuses to replace what another writer has
// replaced.
func (p *probe) conditions(ctx context.Context) string {
	before, err := p.store.Bucket.Attributes(ctx, p.key)
	if err == nil {
		err = p.put(ctx, "second", before.ETag)
	}
	if err != nil {
		return p.report.fail("replacing "+p.key, err)
	}
	stale, again := p.put(ctx, "third", before.ETag), p.put(ctx, "fourth", "")
	for _, err := range []error{stale, again} {
		if err != nil && gcerrors.Code(err) != gcerrors.FailedPrecondition {
			return p.report.fail("replacing "+p.key, err)
		}
	}
	if stale == nil || again == nil {
		p.report.warnings = append(p.report.warnings, "the store ignores conditions, so that of two writers one may lose its changes unnoticed; "+
			"let only one sandbox write")
		return "unnoticed"
	}
	return "noticed"
}
