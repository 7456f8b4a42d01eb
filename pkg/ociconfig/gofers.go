package ociconfig

import (
	"maps"
	"path"
	"slices"

	"github.com/directfs/runsc/directfspolicy"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// GoferFunc asks a registered backend about one of its volumes, before anything
// is started. It returns soon, and has its own limit for that. Its error is the
// reason why the backend does not serve the volume, or could not be asked; it is
// shown to whoever starts the container.
type GoferFunc func(q GoferQuery) (directfspolicy.Gofer, error)

// GoferQuery is what a backend is asked about. It is asked once for each volume
// that the hints for a container's mounts name.
type GoferQuery struct {
	// Name is the backend's and the volume's.
	Name directfspolicy.GoferName

	// Mounts are the destinations of all mounts that it is to serve, in the order
	// of the spec; "/" is the rootfs.
	Mounts []string

	// ReadOnly is set where no write to any of these can reach the volume.
	ReadOnly bool
}

// goferHints are the hints that name a gofer, by the source as users write it.
type goferHints map[string][]directfspolicy.Hint

func goferHintsOf(hints []directfspolicy.SourceHint) goferHints {
	all := goferHints{}
	for _, h := range hints {
		if _, ok := h.GoferName(); ok {
			all[h.SourceName] = append(all[h.SourceName], h.Hint)
		}
	}
	return all
}

// of returns the hints for a mount, if there are any. Where they name several
// things, Resolve refuses them all.
func (g goferHints) of(sourceName string, own []directfspolicy.Hint) (all []directfspolicy.Hint) {
	if sourceName != "" {
		all = slices.Clone(g[sourceName])
	}
	for _, h := range own {
		if _, ok := h.GoferName(); ok {
			all = append(all, h)
		}
	}
	return all
}

// sourceName is the source of a mount as it is compared where it is only a name.
func sourceName(sm specs.Mount, bundle string) string {
	if sm.Source == "" {
		return ""
	}
	return path.Clean(absolute(sm.Source, bundle))
}

// ask asks the registered backends about everything that the hints for the
// request's mounts name, unless no hint counts anyway.
func (o Options) ask(r *directfspolicy.Request, hints goferHints) {
	r.Backends = slices.Sorted(maps.Keys(o.Gofers))
	if r.Ceiling == directfspolicy.NoHints {
		return
	}
	for _, q := range queries(r, hints) {
		ask := o.Gofers[q.Name.Backend]
		if ask == nil {
			continue
		}
		g, err := ask(q)
		g.Err = err
		if r.Gofers == nil {
			r.Gofers = map[directfspolicy.GoferName]directfspolicy.Gofer{}
		}
		r.Gofers[q.Name] = g
	}
}

// queries has one for each volume that is named.
func queries(r *directfspolicy.Request, hints goferHints) (all []GoferQuery) {
	at := map[directfspolicy.GoferName]int{}
	note := func(m *directfspolicy.Mount, sourceName string) {
		for _, h := range hints.of(sourceName, m.Hints) {
			n, _ := h.GoferName()
			i, seen := at[n]
			if !seen {
				i = len(all)
				at[n], all = i, append(all, GoferQuery{Name: n, ReadOnly: true})
			}
			q := &all[i]
			q.Mounts = append(q.Mounts, m.Destination)
			q.ReadOnly = q.ReadOnly && m.ReadOnly
		}
	}
	note(&r.Rootfs, "")
	for i := range r.Mounts {
		note(&r.Mounts[i], r.Mounts[i].SourceName)
	}
	return all
}
