package directfspolicy

import (
	"slices"
	"strings"
)

// callSet is, for tests, a set of system calls, by the kernel's names (syscalls(2)).
// The zero value is the empty set. Sets are values: no method changes one.
type callSet struct {
	// names is sorted and free of duplicates.
	names []string
}

// newCallSet returns the set of the named calls.
func newCallSet(names ...string) callSet {
	s := slices.Clone(names)
	slices.Sort(s)
	return callSet{slices.Compact(s)}
}

// Names returns the calls in alphabetical order.
func (s callSet) Names() []string { return slices.Clone(s.names) }

// Len returns the number of calls.
func (s callSet) Len() int { return len(s.names) }

// Contains reports whether the call is in the set.
func (s callSet) Contains(name string) bool {
	_, ok := slices.BinarySearch(s.names, name)
	return ok
}

// Union returns the calls that are in s or in t.
func (s callSet) Union(t callSet) callSet {
	return newCallSet(append(slices.Clone(s.names), t.names...)...)
}

// Difference returns the calls that are in s and not in t.
func (s callSet) Difference(t callSet) callSet {
	return callSet{slices.DeleteFunc(s.Names(), t.Contains)}
}

// SubsetOf reports whether every call of s is in t.
func (s callSet) SubsetOf(t callSet) bool {
	return !slices.ContainsFunc(s.names, func(n string) bool { return !t.Contains(n) })
}

// callsOf is Calls as a set.
func callsOf(names ...SetName) callSet { return newCallSet(Calls(names...)...) }

// String lists the calls.
func (s callSet) String() string { return strings.Join(s.names, " ") }
