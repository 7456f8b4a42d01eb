package directfspolicy

import (
	"errors"
	"reflect"

	"pgregory.net/rapid"
)

// Property 8, first part: Resolve is pure and deterministic, and its plans
// share no memory with each other, with the request, or between two lists.
func propPure(t *rapid.T) {
	r := drawAnyRequest(t)
	asked := copyOf(r)
	p, err := Resolve(r)
	again, errAgain := Resolve(r)
	if !reflect.DeepEqual(p, again) || !reflect.DeepEqual(err, errAgain) {
		t.Fatalf("first %+v, %v, then %+v, %v", p, err, again, errAgain)
	}
	scribble(p)
	if !reflect.DeepEqual(p, again) {
		t.Fatalf("what its methods return changed the plan from %+v to %+v", again, p)
	}
	if !reflect.DeepEqual(copyOf(r), asked) {
		t.Fatalf("the request %+v became %+v", asked, r)
	}
	if third, _ := Resolve(r); !reflect.DeepEqual(third, again) {
		t.Fatalf("a changed plan changes the next one from %+v to %+v", again, third)
	}
}

// scribble changes everything that p's methods return.
func scribble(p Plan) {
	for _, d := range p.Decisions() {
		clear(d.Sources)
	}
	clear(p.Decisions())
	clear(p.Unmatched())
	clear(p.Donations())
	clear(p.Sandbox().RaisedFor)
	clear(p.Sandbox().Capabilities)
	clear(p.Sentry())
	clear(p.Gofer())
	clear(p.Warnings())
	for _, g := range p.Grants() {
		clear(g.Causes)
	}
	clear(p.Grants())
}

// A fault refuses the whole request, whatever else is in it.
func propFaultsRefuse(t *rapid.T) {
	r := drawRequest(t)
	f := rapid.SampledFrom(faults).Draw(t, "fault")
	f.plant(&r)
	p, err := Resolve(r)
	if !errors.Is(err, f.err) {
		t.Fatalf("%s: error %v, want %v", f.name, err, f.err)
	}
	if !reflect.DeepEqual(p, Plan{}) {
		t.Fatalf("%s: plan %+v with an error", f.name, p)
	}
}
