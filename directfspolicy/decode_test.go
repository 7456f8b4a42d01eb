package directfspolicy

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

func encode(t rapid.TB, p Plan) []byte {
	t.Helper()
	b, err := json.Marshal(p)
	if err != nil {
		t.Fatalf("%+v: %v", p, err)
	}
	return b
}

// Property 8, second part: encode then decode gives the same plan.
func propRoundTrip(t *rapid.T) {
	p := mustResolve(t, drawRequest(t))
	var q Plan
	if err := json.Unmarshal(encode(t, p), &q); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(p, q) {
		t.Fatalf("%+v became %+v", p, q)
	}
	checkDecoded(t, q)
}

// requestFor makes a request that should lead to the plan.
func requestFor(p Plan) Request {
	r := Request{Container: p.Container(), Gofers: map[GoferName]Gofer{}}
	for _, h := range p.Unmatched() {
		r.register(h)
		r.SourceHints = append(r.SourceHints, SourceHint{Hint: h})
	}
	for i, d := range p.Decisions() {
		m := Mount{Destination: d.Mount, Backend: StockGofer, Cache: d.Cache, Sources: d.Sources, Union: d.Union, Layer: d.Layer, ReadOnly: d.ReadOnly, SpecialFiles: d.SpecialFiles}
		for _, w := range []Why{d.WhyAccess, d.WhyCache, d.WhyGofer} {
			if h, ok := w.Hint(); ok {
				r.register(h)
				m.Hints = append(m.Hints, h)
			}
		}
		switch name := d.Gofer; {
		case d.ServedByVolume():
			m.Sources = nil
			r.Gofers[name] = Gofer{DonatesRoot: r.Gofers[name].DonatesRoot || d.Access == DirectFS, Outside: d.Outside}
		case d.WhyAccess.reason == becauseCannotDonate:
			m.Backend = VirtualGofer
		case d.WhyAccess.reason == becauseNotGofer:
			m.Backend = NoGofer
		}
		if i == 0 {
			r.Rootfs = m
			continue
		}
		r.Mounts = append(r.Mounts, m)
	}
	return r
}

// register makes the backend that the hint names known, if it names one.
func (r *Request) register(h Hint) {
	if n, ok := h.GoferName(); ok {
		r.Backends = append(r.Backends, n.Backend)
	}
}

// checkDecoded checks that a decoded plan is the zero one or follows from a
// request, but for how a backend is called.
func checkDecoded(t rapid.TB, p Plan) {
	t.Helper()
	if len(p.decisions) == 0 {
		if b := encode(t, Plan{}); string(encode(t, p)) != string(b) {
			t.Fatalf("%+v has no decisions and is not the zero plan", p)
		}
		return
	}
	checkInvariants(t, p)
	want := mustResolve(t, requestFor(p))
	for i, d := range p.decisions {
		want.decisions[i].WhyAccess.backend = d.WhyAccess.backend
	}
	if !reflect.DeepEqual(p, want) {
		t.Fatalf("%+v was decoded, %+v is what it follows from", p, want)
	}
}

// FuzzUnmarshalPlan: the decoder gives a plan or an error, and a plan that it
// accepts encodes to one that it accepts as equal.
func FuzzUnmarshalPlan(f *testing.F) {
	f.Add([]byte(mixedJSON))
	for _, tt := range tampered {
		f.Add(tt.edited())
	}
	for _, flag := range allFlags {
		f.Add(encode(f, mustResolve(f, Request{Container: Container{Flag: flag, Scope: PodMember}, Rootfs: hinted("/", StockGofer, Unset)})))
	}
	f.Add(encode(f, Plan{}))
	f.Fuzz(func(t *testing.T, b []byte) {
		before := mustResolve(t, Request{Container: Container{Flag: true}, Rootfs: hinted("/", StockGofer, Unset)})
		p := before
		if err := p.UnmarshalJSON(b); err != nil {
			if errors.Is(err, ErrInvalidPlan) == errors.Is(err, ErrPlanVersion) {
				t.Errorf("error %v is not one of two", err)
			}
			if !reflect.DeepEqual(p, before) {
				t.Errorf("plan %+v with error %v", p, err)
			}
			return
		}
		checkDecoded(t, p)
		var q Plan
		if err := q.UnmarshalJSON(encode(t, p)); err != nil || !reflect.DeepEqual(p, q) {
			t.Errorf("%+v became %+v, %v", p, q, err)
		}
	})
}

// FuzzParseHint: a value gives a hint or an error that names it.
func FuzzParseHint(f *testing.F) {
	for _, v := range append([]string{"", "Off", "of", "1", " on", "on\x00"}, DirectFSKnob.Allowed()...) {
		f.Add("k", v, "/data")
	}
	f.Fuzz(func(t *testing.T, key, value, mount string) {
		h, err := ParseHint(DirectFSKnob, key, value, mount)
		s, known := hintWords[value]
		if known != (err == nil) {
			t.Fatalf("%q: error %v", value, err)
		}
		if known {
			if h != (Hint{Knob: DirectFSKnob, Key: key, Setting: s}) {
				t.Fatalf("%q: %+v", value, h)
			}
			return
		}
		want := HintError{key, value, mount, DirectFSKnob.Allowed(), "write one of the allowed values or remove the key", ErrInvalidValue}
		if e, ok := errors.AsType[*HintError](err); !ok || !reflect.DeepEqual(*e, want) || h != (Hint{}) {
			t.Fatalf("%q: %+v and %s", value, h, fmt.Sprint(err))
		}
	})
}
