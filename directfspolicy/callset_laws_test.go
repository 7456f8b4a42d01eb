package directfspolicy

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func drawSet(t *rapid.T, name string) callSet {
	calls := rapid.SampledFrom([]string{"openat", "close", "read", "write", "linkat", ""})
	return newCallSet(rapid.SliceOfN(calls, 0, 8).Draw(t, name)...)
}

func equalSets(s, t callSet) bool { return slices.Equal(s.Names(), t.Names()) }

// propSetLaws checks each operation by the members, and the laws that follow
// for sets as values.
func propSetLaws(t *rapid.T) {
	a, b, c := drawSet(t, "a"), drawSet(t, "b"), drawSet(t, "c")
	before := []string{a.String(), b.String()}
	union, diff, subset := a.Union(b), a.Difference(b), true
	for _, n := range []string{"openat", "close", "read", "write", "linkat", "", "mount"} {
		inA, inB := slices.Contains(a.Names(), n), slices.Contains(b.Names(), n)
		if a.Contains(n) != inA || union.Contains(n) != (inA || inB) || diff.Contains(n) != (inA && !inB) {
			t.Fatalf("%q: a %v, b %v, union %v, difference %v", n, a, b, union, diff)
		}
		subset = subset && (!inA || inB)
	}
	if a.SubsetOf(b) != subset {
		t.Fatalf("%v subset of %v: %t", a, b, a.SubsetOf(b))
	}
	for law, holds := range map[string]bool{
		"sorted, no duplicates":      slices.IsSorted(union.Names()) && len(slices.Compact(union.Names())) == union.Len(),
		"union commutes":             equalSets(union, b.Union(a)),
		"union associates":           equalSets(union.Union(c), a.Union(b.Union(c))),
		"union is idempotent":        equalSets(a, a.Union(a)),
		"union has a zero":           equalSets(a, a.Union(callSet{})) && equalSets(a, callSet{}.Union(a)),
		"union is an upper bound":    a.SubsetOf(union) && b.SubsetOf(union),
		"difference is disjoint":     equalSets(diff.Difference(b), diff) && diff.SubsetOf(a),
		"difference and union":       equalSets(diff.Union(b), union),
		"subset is antisymmetric":    (a.SubsetOf(b) && b.SubsetOf(a)) == equalSets(a, b),
		"subset is empty difference": a.SubsetOf(b) == (diff.Len() == 0),
		"operands are unchanged":     a.String() == before[0] && b.String() == before[1],
	} {
		if !holds {
			t.Fatalf("%s does not hold for %v, %v, %v", law, a, b, c)
		}
	}
}

func TestCallSetLaws(t *testing.T) { rapid.Check(t, propSetLaws) }

func TestCallSetIsAValue(t *testing.T) {
	names := []string{"write", "read", "write"}
	s := newCallSet(names...)
	if got := s.String(); got != "read write" || s.Len() != 2 {
		t.Errorf("set of %v: %q, length %d", names, got, s.Len())
	}
	if names[0] != "write" || names[1] != "read" {
		t.Errorf("the argument became %v", names)
	}
	names[0], s.Names()[0] = "mount", "mount"
	s.Union(newCallSet("close"))
	s.Difference(newCallSet("read"))
	if got := s.String(); got != "read write" {
		t.Errorf("the set became %q", got)
	}
}

func TestZeroCallSet(t *testing.T) {
	var s callSet
	if s.Len() != 0 || s.Contains("") || s.String() != "" || len(s.Names()) != 0 || !s.SubsetOf(callSet{}) {
		t.Errorf("zero set: %v", s)
	}
	if len(s.Union(s).Names()) != 0 || s.Difference(newCallSet("read")).Len() != 0 {
		t.Error("the zero set is not closed")
	}
}
