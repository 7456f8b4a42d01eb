package directfspolicy

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// overlayWarnings are what a plan should warn of about overlays.
func overlayWarnings(p Plan) (out []string) {
	said := slices.DeleteFunc(p.Warnings(), func(w Warning) bool { return w.Kind != warnLayers })
	for _, d := range p.decisions {
		if d.Union != nil {
			for _, w := range d.Union.Warnings {
				out = append(out, fmt.Sprintf("mount %q: %s", d.Mount, w))
			}
			if d.Union.HostFails != "" {
				out = append(out, fmt.Sprintf("mount %q is the sentry's overlay, because the host's cannot mount its layers: %s", d.Mount, d.Union.HostFails))
			}
		}
		if !slices.ContainsFunc(p.decisions, func(o Decision) bool { return o.Mount != d.Mount && writesLayer(o, d) }) {
			continue
		}
		// Which of several mounts it names is for another test.
		text := fmt.Sprintf("a warning about layers of %q", d.Mount)
		if len(said) > 0 {
			w := said[0]
			said = said[1:]
			named := slices.ContainsFunc(p.decisions, func(o Decision) bool {
				return o.Mount != d.Mount && seenAt(o) == w.OtherMount && writesLayer(o, d) && slices.Contains(o.Sources, w.OtherSource)
			})
			if named && w.Mount == seenAt(d) {
				text = w.String()
			}
		}
		out = append(out, text)
	}
	return out
}

func seenAt(d Decision) string {
	if d.Layer != nil {
		return d.Layer.Of
	}
	return d.Mount
}

// writesLayer reports whether one mount writes files of a layer of another.
func writesLayer(o, d Decision) bool {
	if o.ReadOnly || o.Access == NoAccess || d.Union == nil && d.Layer == nil || d.Layer != nil && d.Layer.Kind > UpperLayer || o.Layer != nil && o.Layer.Kind == LowerLayer {
		return false
	}
	for _, layer := range d.Sources {
		for _, s := range o.Sources {
			if s.Layer != LowerLayer && s.Layer != DataLayer && (layer.Contains(s) || s.Contains(layer)) {
				return true
			}
		}
	}
	return false
}

func propLayerWarnings(t *rapid.T) {
	path := rapid.SampledFrom([]string{"/s", "/s/a", "/s/a/b", "/s/b", "/t", "/t/a"})
	r := Request{Container: Container{Flag: true}, Rootfs: Mount{Backend: StockGofer}}
	for i := range rapid.IntRange(1, 4).Draw(t, "mounts") {
		m := Mount{Destination: fmt.Sprintf("/m%d", i), Backend: StockGofer, ReadOnly: rapid.Bool().Draw(t, "read-only")}
		switch rapid.IntRange(0, 2).Draw(t, "kind") {
		case 0:
			m.Sources = src(path.Draw(t, "source"))
		case 1:
			m.Union = &Union{}
			m.Sources = []Source{{Path: path.Draw(t, "lower"), Layer: LowerLayer}, {Path: path.Draw(t, "data"), Layer: DataLayer}}
			if !m.ReadOnly {
				m.Sources = append(m.Sources, Source{Path: path.Draw(t, "upper"), Layer: UpperLayer}, Source{Path: path.Draw(t, "work"), Layer: WorkLayer})
			}
		default:
			m.Sources, m.Layer = src(path.Draw(t, "layer")), &Layer{"/sov", LowerLayer}
			if !m.ReadOnly {
				m.Layer.Kind = UpperLayer
			}
		}
		r.Mounts = append(r.Mounts, m)
	}
	p, err := Resolve(r)
	if err != nil {
		t.Fatal(err)
	}
	got := slices.DeleteFunc(p.Warnings(), func(w Warning) bool { return w.Kind != warnLayers })
	if want := overlayWarnings(p); !slices.Equal(texts(got), want) {
		t.Fatalf("warnings %q, want %q", got, want)
	}
}

func TestLayerWarnings(t *testing.T) { rapid.Check(t, propLayerWarnings) }

func FuzzLayerWarnings(f *testing.F) { f.Fuzz(rapid.MakeFuzz(propLayerWarnings)) }

// Whoever only reads what is in a layer, or writes elsewhere, is no reason to warn.
func TestWritersOfLayers(t *testing.T) {
	bind := func(source string, readOnly bool) Mount {
		return Mount{Destination: "/w", Backend: StockGofer, Sources: src(source), ReadOnly: readOnly}
	}
	other := overlayOf("/w", "/a")
	upper := overlayOf("/w", "/c")
	upper.Sources[1].Path = "/a/x"
	for name, c := range map[string]struct {
		with Mount
		want string
	}{
		"a reader":                  {bind("/a", true), ""},
		"a writer":                  {bind("/a", false), "/a"},
		"a writer below":            {bind("/ov-upper/x", false), "/ov-upper/x"},
		"a writer above":            {bind("/", false), "/"},
		"a writer elsewhere":        {bind("/ab", false), ""},
		"another overlay":           {other, ""},
		"another overlay's upper":   {upper, "/a/x"},
		"a mount without the gofer": {Mount{Destination: "/w"}, ""},
	} {
		p := mustResolve(t, Request{Container: Container{Flag: true}, Rootfs: Mount{}, Mounts: []Mount{overlayOf("/ov", "/a"), c.with}})
		var got string
		for _, w := range p.Warnings() {
			if w.Kind != warnLayers || w.Mount != "/ov" || w.OtherMount != "/w" {
				t.Errorf("%s: %+v", name, w)
			}
			got = w.OtherSource.Path
		}
		if got != c.want {
			t.Errorf("%s: %q writes, want %q", name, got, c.want)
		}
	}
}
