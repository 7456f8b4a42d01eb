package directfspolicy

import (
	"errors"
	"slices"

	"pgregory.net/rapid"
)

// registered are the backends of these tests, and answers what they say.
var (
	registered = []string{"blob", "zip"}
	answers    = map[GoferName]Gofer{
		{"blob", "models"}:  {Outside: true},
		{"blob", "scratch"}: {},
		{"blob", "reader"}:  {ReadOnly: true, Outside: true},
		{"zip", "tree"}:     {DonatesRoot: true},
		{"zip", "image"}:    {DonatesRoot: true, ReadOnly: true, Outside: true},
		{"blob", "own"}:     {},
		{"zip", "reader"}:   {ReadOnly: true},
		{"blob", "tree"}:    {DonatesRoot: true, Outside: true},
		{"zip", "own"}:      {DonatesRoot: true},
		{"blob", "down"}:    {Err: errDown},
	}
	errDown = errors.New("dial unix /run/blob.sock: connection refused")
)

// answered are the names that some mount can have.
func answered(readOnly bool) []Setting {
	var all []Setting
	for n, g := range answers {
		if g.Err == nil && n.Volume != "own" && (readOnly || !g.ReadOnly) {
			all = append(all, Setting(n.String()))
		}
	}
	return slices.Sorted(slices.Values(all))
}

// drawGofer gives the mount a hint that names a gofer, said any number of times.
func drawGofer(t *rapid.T, m *Mount) {
	s := rapid.SampledFrom(append(answered(m.ReadOnly), Default)).Draw(t, "gofer")
	for range rapid.IntRange(1, 2).Draw(t, "times said of gofer") {
		m.Hints = append(m.Hints, gofer(goferKeyOf(m.Destination), s))
	}
}

// goferOf is what the mount's own hints name.
func goferOf(m Mount) (name GoferName) {
	for _, h := range m.Hints {
		if n, ok := h.GoferName(); ok {
			name = n
		}
	}
	return name
}

// asServed is the mount as the gofer that its own hints name serves it.
func asServed(m Mount) Mount {
	n := goferOf(m)
	g, ok := answers[n]
	if !ok {
		return m
	}
	m.Backend, m.Sources = VirtualGofer, []Source{{Path: "gofer:" + n.Backend + "/" + n.Volume}}
	if g.DonatesRoot {
		m.Backend = DonatingGofer
	}
	return m
}
