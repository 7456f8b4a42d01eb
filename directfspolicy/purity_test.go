package directfspolicy

import (
	"errors"
	"reflect"
	"slices"

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
	donations := slices.Clone(p.Donations)
	clear(p.Sandbox.RaisedFor)
	if !slices.Equal(p.Donations, donations) {
		t.Fatalf("RaisedFor and Donations share memory: %v became %v", donations, p.Donations)
	}
	scribble(p)
	if !reflect.DeepEqual(copyOf(r), asked) {
		t.Fatalf("the request %+v became %+v", asked, r)
	}
	if third, _ := Resolve(r); !reflect.DeepEqual(third, again) {
		t.Fatalf("a changed plan changes the next one from %+v to %+v", again, third)
	}
}

func scribble(p Plan) {
	for _, d := range p.Decisions {
		clear(d.Options)
	}
	clear(p.Decisions)
	clear(p.Unmatched)
	clear(p.Donations)
	clear(p.Sandbox.RaisedFor)
	clear(p.Sandbox.Capabilities)
	clear(p.Sentry)
	clear(p.Gofer)
	clear(p.Diagnostics)
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
