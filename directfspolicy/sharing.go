package directfspolicy

import "errors"

// Coexist reports whether the containers that p and other plan for can run in
// one sandbox at the same time: it fails with a *SharingError for every mount
// that a user promised to be alone in changing its files, where a mount of the
// other container writes to them. Each of the two has a cache of its own, and
// what one writes at a stale end of a file would overwrite what the other wrote
// there. name and otherName call the two containers in the errors; "" is for
// one that needs no name.
//
// Mounts are compared by [Decision.Sources].
func (p Plan) Coexist(name string, other Plan, otherName string) error {
	anyMount := func(Decision) string { return "" }
	podWide := func(w Why) bool { return w.podWide }
	one := brokenPromises(p.decisions, other.decisions, anyMount, podWide)
	two := brokenPromises(other.decisions, p.decisions, anyMount, podWide)
	var errs []error
	for _, e := range one {
		e.Container, e.WriterContainer = name, otherName
		errs = append(errs, e)
	}
	for _, e := range two {
		if e.Both && len(one) > 0 {
			continue // the same again, seen from the other side
		}
		e.Container, e.WriterContainer = otherName, name
		errs = append(errs, e)
	}
	return errors.Join(errs...)
}

// checkPromises is Coexist for the mounts of one container. Of two mounts at one
// destination only the last can be seen, so that they do not count as others.
// bySource says which reasons are hints that may be for several mounts.
func checkPromises(ds []Decision, bySource func(Why) bool) error {
	var errs []error
	for _, e := range brokenPromises(ds, ds, func(d Decision) string { return d.Mount }, bySource) {
		errs = append(errs, e)
	}
	return errors.Join(errs...)
}

// brokenPromises finds the promises among the decisions that one of the others
// breaks, but for those at the destination that except returns.
func brokenPromises(ds, others []Decision, except func(Decision) string, bySource func(Why) bool) []*SharingError {
	var writers *sourceIndex
	var errs []*SharingError
	for _, d := range ds {
		if !d.promisedExclusive() || len(d.Sources) == 0 {
			continue
		}
		if writers == nil {
			writers = indexSources(others, Decision.writesTo)
		}
		if o, ok := writers.overlapping(d, except(d)); ok {
			both := o.d.WhyCache == d.WhyCache && bySource(d.WhyCache)
			if both && d.writes() && except(d) != "" && o.d.Mount < d.Mount {
				continue // the same again, seen from the other side
			}
			errs = append(errs, &SharingError{
				Key: d.WhyCache.key, Mount: d.Mount,
				Writer: o.d.Mount, Source: o.source, SpecialFiles: o.d.SpecialFiles,
				Both: both,
			})
		}
	}
	return errs
}

// sharer is a mount that has files of a source.
type sharer struct {
	d      *Decision
	source Source
}

// sourceIndex finds mounts that have files in common with a mount, because
// sources of the two are the same or one is inside the other, in a time that
// does not grow with the number of mounts.
type sourceIndex struct {
	at    map[place][2]sharer // a name of a source -> mounts of it
	below map[place][2]sharer // a directory -> mounts with sources in it
}

func indexSources(ds []Decision, pick func(Decision, Source) bool) *sourceIndex {
	x := &sourceIndex{map[place][2]sharer{}, map[place][2]sharer{}}
	for i := range ds {
		for _, s := range ds[i].Sources {
			if !pick(ds[i], s) {
				continue
			}
			h := sharer{&ds[i], s}
			ps, n := s.places()
			for _, p := range ps[:n] {
				note(x.at, p, h)
				for dir, ok := p.parent(); ok; dir, ok = dir.parent() {
					note(x.below, dir, h)
				}
			}
		}
	}
	return x
}

// note keeps the two mounts under the key whose destinations are the first by
// name: one of them is another than any that is asked for, and which one does
// not depend on the order of the mounts.
func note(m map[place][2]sharer, key place, h sharer) {
	pair := m[key]
	for i, o := range pair {
		if o.d != nil && o.d.Mount == h.d.Mount {
			if h.source.String() < o.source.String() {
				pair[i] = h
			}
			break
		}
		if o.d == nil || h.d.Mount < o.d.Mount {
			pair[i], h = h, o
		}
		if h.d == nil {
			break
		}
	}
	m[key] = pair
}

// overlapping returns a mount in the index that has files of d and is at
// another destination than except.
func (x *sourceIndex) overlapping(d Decision, except string) (sharer, bool) {
	for _, s := range d.Sources {
		ps, n := s.places()
		for _, p := range ps[:n] {
			if h, ok := otherThan(except, x.below[p]); ok {
				return h, true
			}
			for ok := true; ok; p, ok = p.parent() {
				if h, ok := otherThan(except, x.at[p]); ok {
					return h, true
				}
			}
		}
	}
	return sharer{}, false
}

func otherThan(except string, pair [2]sharer) (sharer, bool) {
	for _, h := range pair {
		if h.d != nil && h.d.Mount != except {
			return h, true
		}
	}
	return sharer{}, false
}
