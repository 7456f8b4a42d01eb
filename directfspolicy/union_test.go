package directfspolicy

import (
	"errors"
	"testing"
)

// overlayOf is an overlay that the host makes.
func overlayOf(dest string, lower ...string) Mount {
	m := Mount{Destination: dest, Backend: StockGofer, Union: &Union{}}
	for _, l := range lower {
		m.Sources = append(m.Sources, Source{Path: l, Layer: LowerLayer})
	}
	m.Sources = append(m.Sources, Source{Path: dest + "-upper", Layer: UpperLayer}, Source{Path: dest + "-work", Layer: WorkLayer})
	return m
}

// A hint for the source of any layer counts for the overlay.
func TestHintsForLayers(t *testing.T) {
	for _, source := range []string{"/a", "/b", "/ov-upper", "/ov-work", "/"} {
		m := overlayOf("/ov", "/a", "/b/c")
		p := mustResolve(t, Request{
			Container: Container{Flag: true}, Rootfs: Mount{Backend: StockGofer}, Mounts: []Mount{m},
			SourceHints: []SourceHint{{Hint: hint("k", Off), Source: Source{Path: source}}},
		})
		if d := p.Decisions()[1]; d.Access != LisaFS {
			t.Errorf("off for %s: %v", source, d.Access)
		}
	}
}

// What is mounted below the source of a bind mount is no layer.
func TestHintsForSubmounts(t *testing.T) {
	m := Mount{Destination: "/d", Backend: StockGofer, Sources: []Source{{Path: "/s"}, {Path: "/s/sub"}}}
	_, err := Resolve(Request{
		Container: Container{Flag: true}, Rootfs: Mount{Backend: StockGofer}, Mounts: []Mount{m},
		SourceHints: []SourceHint{{Hint: hint("k", Off), Source: Source{Path: "/s/sub"}}},
	})
	if !errors.Is(err, ErrNoMount) {
		t.Errorf("error %v, want %v", err, ErrNoMount)
	}
}

// Hints for two layers must agree: the overlay has one access.
func TestHintsForLayersDisagree(t *testing.T) {
	_, err := Resolve(Request{
		Container: Container{Flag: true}, Rootfs: Mount{Backend: StockGofer}, Mounts: []Mount{overlayOf("/ov", "/a", "/b")},
		SourceHints: []SourceHint{{Hint: hint("k", Off), Source: Source{Path: "/a"}}, {Hint: hint("l", On), Source: Source{Path: "/b"}}},
	})
	if !errors.Is(err, ErrConflict) {
		t.Errorf("error %v, want %v", err, ErrConflict)
	}
}

// An overlay writes to its upper layer and reads all: what another mount promised
// to be alone in writing, or an overlay did, holds for each layer as it is used.
func TestExclusiveLayers(t *testing.T) {
	alone := func(dest, source string) Mount {
		return Mount{Destination: dest, Backend: StockGofer, Sources: src(source), Hints: []Hint{cached("k", Exclusive)}}
	}
	exclusive := overlayOf("/ov", "/a", "/b")
	exclusive.Hints = []Hint{cached("k", Exclusive)}
	writer := func(source string) Mount { return Mount{Destination: "/w", Backend: StockGofer, Sources: src(source)} }
	reader := func(source string) Mount {
		return Mount{Destination: "/w", Backend: StockGofer, Sources: src(source), ReadOnly: true}
	}
	part := Mount{Destination: "/part", Backend: StockGofer, Sources: src("/a"), Layer: &Layer{"/x", LowerLayer}}
	for name, tt := range map[string]struct {
		mounts  []Mount
		refused bool
	}{
		"alone in a lower":                {[]Mount{alone("/d", "/a"), overlayOf("/ov", "/a")}, false},
		"alone in the upper":              {[]Mount{alone("/d", "/ov-upper"), overlayOf("/ov", "/a")}, true},
		"alone in the work directory":     {[]Mount{alone("/d", "/ov-work/x"), overlayOf("/ov", "/a")}, true},
		"exclusive, a lower is written":   {[]Mount{exclusive, writer("/b/c")}, true},
		"exclusive, a lower is read":      {[]Mount{exclusive, reader("/b/c")}, false},
		"exclusive, the upper is written": {[]Mount{exclusive, writer("/ov-upper")}, true},
		"alone in a layer of the sentry":  {[]Mount{alone("/d", "/a"), part}, false},
	} {
		_, err := Resolve(Request{Container: Container{Flag: true}, Rootfs: Mount{Backend: StockGofer}, Mounts: tt.mounts})
		if got := errors.Is(err, ErrNotExclusive); got != tt.refused || !got && err != nil {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestMalformedUnions(t *testing.T) {
	with := func(edit func(*Mount)) Mount {
		m := overlayOf("/ov", "/a")
		edit(&m)
		return m
	}
	for name, m := range map[string]Mount{
		"no lower":                   overlayOf("/ov"),
		"two uppers":                 with(func(m *Mount) { m.Sources[2].Layer = UpperLayer }),
		"an upper and no work":       with(func(m *Mount) { m.Sources = m.Sources[:2] }),
		"layers of no overlay":       with(func(m *Mount) { m.Union = nil }),
		"layers in no gofer":         with(func(m *Mount) { m.Backend = NoGofer }),
		"the sentry's with layers":   with(func(m *Mount) { m.Union.Driver = SentryUnion; m.Backend = NoGofer }),
		"a source that is no layer":  with(func(m *Mount) { m.Sources = append(m.Sources, Source{Path: "/x"}) }),
		"an unknown driver":          with(func(m *Mount) { m.Union.Driver = 2 }),
		"an unknown choice":          with(func(m *Mount) { m.Union.Chosen = 3 }),
		"an unknown layer":           with(func(m *Mount) { m.Sources[0].Layer = 5 }),
		"a fallback to the host":     with(func(m *Mount) { m.Union.Chosen, m.Union.HostFails = ChosenAsFallback, "x" }),
		"a warning that is no text":  with(func(m *Mount) { m.Union.Warnings = []string{"\xff"} }),
		"a layer in no gofer":        {Destination: "/l", Layer: &Layer{"/ov", LowerLayer}},
		"a layer that is an overlay": with(func(m *Mount) { m.Layer = &Layer{"/x", LowerLayer} }),
		"a layer of a kind":          {Destination: "/l", Backend: StockGofer, Layer: &Layer{"/ov", WorkLayer}},
	} {
		if _, err := Resolve(Request{Rootfs: Mount{Backend: StockGofer}, Mounts: []Mount{m}}); !errors.Is(err, ErrInvalidRequest) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// The sentry's overlay crashes on an upper layer that it does not look at again.
func TestExclusiveUpper(t *testing.T) {
	upper := Mount{Destination: "/u", Backend: StockGofer, Sources: src("/s"), Layer: &Layer{"/ov", UpperLayer}, Hints: []Hint{cached("k", Exclusive)}}
	lower := upper
	lower.Layer = &Layer{"/ov", LowerLayer}
	byDefault := upper
	byDefault.Hints, byDefault.Cache = nil, CacheExclusive
	for m, want := range map[*Mount]error{&upper: ErrUpperCache, &lower: nil, &byDefault: ErrInvalidRequest} {
		if _, err := Resolve(Request{Rootfs: Mount{Backend: StockGofer}, Mounts: []Mount{*m}}); !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("%+v: error %v, want %v", m.Layer, err, want)
		}
	}
}

// A Plan is a value: what its methods return can be changed.
func TestUnionIsACopy(t *testing.T) {
	m := overlayOf("/ov", "/a")
	m.Union.Options, m.Union.Warnings = []string{"index=off"}, []string{"as it was"}
	p := mustResolve(t, Request{Rootfs: Mount{Backend: StockGofer}, Mounts: []Mount{m}})
	m.Union.Options[0], m.Union.Warnings[0] = "changed", "changed"
	p.Decisions()[1].Union.Options[0], p.Decisions()[1].Union.Warnings[0] = "changed", "changed"
	p.Decisions()[1].Union.Driver = SentryUnion
	if u := p.Decisions()[1].Union; u.Options[0] != "index=off" || u.Warnings[0] != "as it was" || u.Driver != HostUnion {
		t.Errorf("the plan changed: %+v", u)
	}
}
