package directfspolicy

import (
	"reflect"
	"slices"

	"pgregory.net/rapid"
)

// Property 5, first half: in any two requests with one flag, the same mount
// gets the same decision.
func propDecisionIsLocal(t *rapid.T) {
	one, other := drawRequest(t), drawRequest(t)
	other.Flag = one.Flag
	m := drawMount(t, "/same")
	for i, h := range m.Hints {
		if n, ok := h.GoferName(); ok {
			// Nobody else's, that can do the same.
			m.Hints[i].Setting = map[bool]Setting{false: "blob/own", true: "zip/own"}[answers[n].DonatesRoot]
		}
	}
	var got []Decision
	for _, r := range []Request{one, other} {
		i := rapid.IntRange(0, len(r.Mounts)).Draw(t, "place")
		r.Mounts = slices.Insert(r.Mounts, i, m)
		got = append(got, mustResolve(t, r).decisions[1+i])
	}
	if !reflect.DeepEqual(got[0], got[1]) {
		t.Fatalf("%+v depends on more than itself: %+v", got[0], got[1])
	}
}

// Property 5, second half: permuting the mounts permutes the plan.
func propPermutation(t *rapid.T) {
	r := drawAnyRequest(t)
	order := make([]int, len(r.Mounts))
	for i := range order {
		order[i] = i
	}
	order = rapid.Permutation(order).Draw(t, "order")
	shuffled := copyOf(r)
	for to, from := range order {
		shuffled.Mounts[to] = r.Mounts[from]
	}
	p, err := Resolve(r)
	q, shuffledErr := Resolve(shuffled)
	if (err == nil) != (shuffledErr == nil) {
		t.Fatalf("%v in one order, %v in another", err, shuffledErr)
	}
	if err != nil {
		return
	}
	want := p
	want.decisions = []Decision{p.decisions[0]}
	for _, from := range order {
		want.decisions = append(want.decisions, p.decisions[1+from])
	}
	if !reflect.DeepEqual(q, want) {
		t.Fatalf("the order changed more than the order: %+v, want %+v", q, want)
	}
	if got, want := heldBy(q), heldBy(p); !reflect.DeepEqual(got, want) || !slices.Equal(q.Gofer(), p.Gofer()) {
		t.Fatalf("the order changed what is held from %v to %v", want, got)
	}
	if got, want := sortedWarnings(q), sortedWarnings(p); !slices.Equal(got, want) {
		t.Fatalf("the order changed the warnings from %q to %q", want, got)
	}
}

func sortedWarnings(p Plan) []string {
	var all []string
	for _, w := range p.Warnings() {
		all = append(all, w.String())
	}
	slices.Sort(all)
	return all
}
