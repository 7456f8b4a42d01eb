package directfspolicy

import (
	"slices"
	"strings"
)

// SyscallSet is a set of system calls, by the kernel's names (syscalls(2)).
// The zero value is the empty set. Sets are values: no method changes one.
type SyscallSet struct {
	// names is sorted and free of duplicates.
	names []string
}

// NewSyscallSet returns the set of the named calls.
func NewSyscallSet(names ...string) SyscallSet {
	s := slices.Clone(names)
	slices.Sort(s)
	return SyscallSet{slices.Compact(s)}
}

// Names returns the calls in alphabetical order.
func (s SyscallSet) Names() []string { return slices.Clone(s.names) }

// Len returns the number of calls.
func (s SyscallSet) Len() int { return len(s.names) }

// Contains reports whether the call is in the set.
func (s SyscallSet) Contains(name string) bool {
	_, ok := slices.BinarySearch(s.names, name)
	return ok
}

// Union returns the calls that are in s or in t.
func (s SyscallSet) Union(t SyscallSet) SyscallSet {
	return NewSyscallSet(append(slices.Clone(s.names), t.names...)...)
}

// Difference returns the calls that are in s and not in t.
func (s SyscallSet) Difference(t SyscallSet) SyscallSet {
	return SyscallSet{slices.DeleteFunc(s.Names(), t.Contains)}
}

// SubsetOf reports whether every call of s is in t.
func (s SyscallSet) SubsetOf(t SyscallSet) bool {
	return !slices.ContainsFunc(s.names, func(n string) bool { return !t.Contains(n) })
}

// String lists the calls.
func (s SyscallSet) String() string { return strings.Join(s.names, " ") }
