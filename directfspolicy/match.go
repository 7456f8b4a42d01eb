package directfspolicy

import "slices"

// matcher finds the source hints that count for a mount, in a time that does
// not grow with the number of hints.
type matcher struct {
	hints   []SourceHint
	at      map[place][]int // a name of a hint's source -> hints
	matched []bool
}

func newMatcher(hints []SourceHint) *matcher {
	m := &matcher{hints: hints, matched: make([]bool, len(hints))}
	if len(hints) == 0 {
		return m
	}
	m.at = make(map[place][]int, 2*len(hints))
	for i, h := range hints {
		for _, s := range h.sources() {
			ps, n := s.places()
			for _, p := range ps[:n] {
				m.at[p] = append(m.at[p], i)
			}
		}
	}
	return m
}

// count returns the mount's hints: first those for its source or a directory
// above it, in the order of the Request, then its own. What is mounted below
// its source does not make it another mount.
func (m *matcher) count(mt *Mount) []Hint {
	if len(m.hints) == 0 || len(mt.Sources) == 0 || len(mt.Sources[0].Path) > maxSource { // the last is refused
		return mt.Hints
	}
	var found []int
	ps, n := mt.Sources[0].places()
	for _, p := range ps[:n] {
		for ok := true; ok; p, ok = p.parent() {
			found = append(found, m.at[p]...)
		}
	}
	if len(found) == 0 {
		return mt.Hints
	}
	slices.Sort(found)
	var hints []Hint
	for _, i := range slices.Compact(found) {
		m.matched[i] = true
		hints = append(hints, m.hints[i].Hint)
	}
	return append(hints, mt.Hints...)
}

// unmatched returns the hints that count for no mount and ask for something.
func (m *matcher) unmatched() []Hint {
	var out []Hint
	for i, h := range m.hints {
		if !m.matched[i] && h.Setting != Unset {
			out = append(out, h.Hint)
		}
	}
	return out
}
