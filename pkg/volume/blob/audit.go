package blob

import (
	"context"
	"strings"

	"gocloud.dev/blob"

	"github.com/directfs/runsc/pkg/volume/blob/internal/names"
)

// Finding is an object that the volume cannot show under its own name.
type Finding struct {
	Key     string
	Problem string

	// Shown is the name that stands for the object, or for the part of its key
	// that is no name, in the directory where the problem is.
	Shown string
}

// maxFindings bounds what Audit returns.
const maxFindings = 1000

// Audit looks at every object of a volume and reports those that have no proper
// path. It makes one request for each thousand objects, and stops after a thousand
// findings. The configuration needs no Dir.
func Audit(ctx context.Context, c Config) ([]Finding, error) {
	if c.Dir == "" {
		c.Dir = "." // not used
	}
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	s := newStore(&c)
	var found []Finding
	var a auditor
	token := blob.FirstPageToken
	for len(token) > 0 && len(found) < maxFindings {
		var page []*blob.ListObject
		err := s.request(ctx, RequestList, c.Prefix, 0, func(ctx context.Context) (err error) {
			page, token, err = c.Bucket.ListPage(ctx, token, c.PageObjects, &blob.ListOptions{Prefix: c.Prefix})
			return err
		})
		if err != nil {
			return found, err
		}
		for _, o := range page {
			found = append(found, auditKey(c.Prefix, o)...)
			found = append(found, a.beside(o)...)
		}
	}
	return found, nil
}

// auditKey finds components that cannot be names.
func auditKey(prefix string, o *blob.ListObject) (found []Finding) {
	parts := strings.Split(strings.TrimPrefix(o.Key, prefix), "/")
	for i, name := range parts {
		last := i == len(parts)-1
		if last && name == "" { // the object of a directory
			if o.Size > 0 {
				found = append(found, Finding{o.Key, "a directory with content", names.Substitute("", o.Key)})
			}
			continue
		}
		if problem := names.Problem(name); problem != "" {
			key := prefix + strings.Join(parts[:i+1], "/")
			if !last {
				key += "/"
			}
			return append(found, Finding{o.Key, problem, names.Substitute(name, key)})
		}
	}
	return found
}

// auditor remembers the objects whose keys begin the key of the last one. Keys
// come in order, so that there are no others.
type auditor struct{ files []auditFile }

type auditFile struct {
	key   string
	found bool
}

// beside finds objects that have the name of a directory.
func (a *auditor) beside(o *blob.ListObject) (found []Finding) {
	for len(a.files) > 0 && !strings.HasPrefix(o.Key, a.files[len(a.files)-1].key) {
		a.files = a.files[:len(a.files)-1]
	}
	for i := range a.files {
		f := &a.files[i]
		if !f.found && strings.HasPrefix(o.Key, f.key+"/") {
			_, name := names.Split(f.key, false)
			found = append(found, Finding{f.key, "a directory has the same name", names.Substitute(name, f.key)})
			f.found = true
		}
	}
	if !strings.HasSuffix(o.Key, "/") {
		a.files = append(a.files, auditFile{key: o.Key})
	}
	return found
}
