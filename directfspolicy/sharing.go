package directfspolicy

import (
	"fmt"
	"path"
)

// Coexist reports whether the containers that p and other plan for can run in
// one sandbox at the same time: it fails with a *HintError that wraps
// ErrNotExclusive where one of them has a mount that a user promised to be
// alone in changing its files, and the other writes to the same files. Each of
// the two mounts has a cache of its own, and what one writes at a stale end of
// a file would overwrite what the other wrote there.
//
// Mounts are compared by [Decision.Source].
func (p Plan) Coexist(other Plan) error {
	if err := brokenPromise(p.Decisions, other.Decisions, anyMount); err != nil {
		return err
	}
	return brokenPromise(other.Decisions, p.Decisions, anyMount)
}

// checkPromises is Coexist for the mounts of one container. Of two mounts at one
// destination only the last can be seen, so that they do not count as others.
func checkPromises(ds []Decision) error {
	return brokenPromise(ds, ds, func(d Decision) string { return d.Mount })
}

func anyMount(Decision) string { return "" }

// brokenPromise finds a promise among the decisions that one of the others
// breaks, but for those at the destination that except returns.
func brokenPromise(ds, others []Decision, except func(Decision) string) error {
	var writers *sourceIndex
	for _, d := range ds {
		if !d.promisedExclusive() || d.Source == "" {
			continue
		}
		if writers == nil {
			writers = indexSources(others, Decision.writes)
		}
		if o, ok := writers.overlapping(d.Source, except(d)); ok {
			return &HintError{
				Key: d.CacheDetail, Value: d.Cache.String(), Mount: d.Mount, Allowed: []string{"shared", "default"},
				Fix: fmt.Sprintf("mount %q writes to the same files (%s): write one of the allowed values, or mount it read-only there", o.Mount, o.Source),
				Err: ErrNotExclusive,
			}
		}
	}
	return nil
}

// sourceIndex finds mounts whose sources are the same directory, or one inside
// the other, in a time that does not grow with the number of mounts.
type sourceIndex struct {
	at    map[string][2]*Decision // a source -> mounts of it
	below map[string][2]*Decision // a directory -> mounts with sources in it
}

func indexSources(ds []Decision, pick func(Decision) bool) *sourceIndex {
	x := &sourceIndex{map[string][2]*Decision{}, map[string][2]*Decision{}}
	for i := range ds {
		d := &ds[i]
		if d.Source == "" || !pick(*d) {
			continue
		}
		note(x.at, d.Source, d)
		for dir := parent(d.Source); dir != ""; dir = parent(dir) {
			note(x.below, dir, d)
		}
	}
	return x
}

// note keeps the two mounts under the key whose destinations are the first by
// name: one of them is another than any that is asked for, and which one does
// not depend on the order of the mounts.
func note(m map[string][2]*Decision, key string, d *Decision) {
	pair := m[key]
	for i, o := range pair {
		if o == nil || d.Mount < o.Mount {
			pair[i], d = d, o
		}
		if d == nil || d.Mount == pair[i].Mount {
			break
		}
	}
	m[key] = pair
}

// overlapping returns a mount in the index that has files of the source and is
// at another destination than except.
func (x *sourceIndex) overlapping(source, except string) (Decision, bool) {
	if o, ok := otherThan(except, x.below[source]); ok {
		return o, true
	}
	return x.around(source, except)
}

// around returns a mount whose source is the source or a directory above it.
func (x *sourceIndex) around(source, except string) (Decision, bool) {
	for dir := source; dir != ""; dir = parent(dir) {
		if o, ok := otherThan(except, x.at[dir]); ok {
			return o, true
		}
	}
	return Decision{}, false
}

func otherThan(except string, pair [2]*Decision) (Decision, bool) {
	for _, o := range pair {
		if o != nil && o.Mount != except {
			return *o, true
		}
	}
	return Decision{}, false
}

// parent returns the directory that has the file, or "" if there is none.
func parent(file string) string {
	dir := path.Dir(file)
	if dir == file || dir == "." {
		return ""
	}
	return dir
}
