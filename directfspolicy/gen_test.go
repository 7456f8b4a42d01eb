package directfspolicy

import (
	"fmt"
	"slices"

	"pgregory.net/rapid"
)

// hintsFor are the settings that a mount with the backend can have.
func hintsFor(b Backend) []Setting {
	if b.CanDonate() {
		return allHints
	}
	return notOn
}

// drawMount draws a mount that Resolve accepts: no hint, or one hint said any
// number of times under different keys.
func drawMount(t *rapid.T, dest string) Mount {
	b := rapid.SampledFrom(allServers).Draw(t, "backend")
	m := Mount{
		Destination: dest,
		Backend:     b,
		BackendName: rapid.SampledFrom([]string{"", "blob", "über\n", "\xff"}).Draw(t, "backendName"),
		Cache:       rapid.SampledFrom(allCaches).Draw(t, "cache"),
		ReadOnly:    rapid.Bool().Draw(t, "readOnly"),
	}
	s := rapid.SampledFrom(hintsFor(b)).Draw(t, "hint")
	for i := range rapid.IntRange(0, 2).Draw(t, "times said") {
		m.Hints = append(m.Hints, Hint{fmt.Sprintf("%s#%d", keyOf(dest), i), s})
	}
	if rapid.Bool().Draw(t, "with a no-op") {
		m.Hints = append(m.Hints, Hint{})
	}
	return m
}

func drawDestination(t *rapid.T) string {
	depth1 := rapid.SampledFrom([]string{"/a", "/b", "/data", "/ü", "/ ", "/..."}).Draw(t, "dir")
	return depth1 + rapid.SampledFrom([]string{"", "/0", "/1", "/\"\\", "/\n"}).Draw(t, "sub")
}

// drawRequest draws a request that Resolve accepts. Some of its mounts may
// share a destination: twins, and mounts without a gofer.
func drawRequest(t *rapid.T) Request {
	r := Request{
		Flag:        rapid.Bool().Draw(t, "flag"),
		Scope:       rapid.SampledFrom(allScopes).Draw(t, "scope"),
		HostNetwork: rapid.Bool().Draw(t, "hostNetwork"),
		Rootfs:      drawMount(t, "/"),
	}
	if rapid.Bool().Draw(t, "rootfs unnamed") {
		r.Rootfs.Destination = ""
	}
	for range rapid.IntRange(0, 6).Draw(t, "mounts") {
		m := drawMount(t, drawDestination(t))
		if slices.ContainsFunc(r.Mounts, func(o Mount) bool { return o.Destination == m.Destination }) {
			continue
		}
		r.Mounts = append(r.Mounts, m)
		switch rapid.SampledFrom([]string{"alone", "alone", "twin", "hidden"}).Draw(t, "company") {
		case "twin":
			r.Mounts = append(r.Mounts, m)
		case "hidden":
			r.Mounts = append(r.Mounts, Mount{Destination: m.Destination})
		}
	}
	r.Unmatched = drawUnmatched(t, r.Scope)
	return r
}

func drawUnmatched(t *rapid.T, s Scope) []Hint {
	settings := allHints
	if s == Standalone {
		settings = []Setting{Unset}
	}
	var hints []Hint
	for i := range rapid.IntRange(0, 2).Draw(t, "unmatched") {
		key := fmt.Sprintf("%smount.elsewhere%d.directfs", AnnotationPrefix, i)
		hints = append(hints, Hint{key, rapid.SampledFrom(settings).Draw(t, "unmatched hint")})
	}
	return hints
}

// fault is one thing that makes Resolve refuse a request.
type fault struct {
	name  string
	plant func(*Request)
	err   error
}

// clash adds two mounts at one destination, the second of them changed.
func clash(change func(*Mount)) func(*Request) {
	return func(r *Request) {
		one := Mount{Destination: "/clash", Backend: StockGofer, Hints: []Hint{{"k", On}}}
		other := one
		change(&other)
		r.Mounts = append(r.Mounts, one, other)
	}
}

func with(m Mount) func(*Request) {
	return func(r *Request) { r.Mounts = append(r.Mounts, m) }
}

var faults = []fault{
	{"unknown scope", func(r *Request) { r.Scope = 3 }, ErrInvalidRequest},
	{"misplaced rootfs", func(r *Request) { r.Rootfs.Destination = "/root" }, ErrInvalidRequest},
	{"unknown rootfs backend", func(r *Request) { r.Rootfs.Backend = 4 }, ErrInvalidRequest},
	{"unknown backend", with(Mount{Destination: "/x", Backend: 4}), ErrInvalidRequest},
	{"unknown cache mode", with(Mount{Destination: "/x", Backend: StockGofer, Cache: 2}), ErrInvalidRequest},
	{"no destination", with(Mount{}), ErrInvalidRequest},
	{"relative destination", with(Mount{Destination: "x"}), ErrInvalidRequest},
	{"unclean destination", with(Mount{Destination: "/x/"}), ErrInvalidRequest},
	{"destination not in UTF-8", with(Mount{Destination: "/\xff"}), ErrInvalidRequest},
	{"hint without a key", with(Mount{Destination: "/x", Hints: []Hint{{"", Off}}}), ErrInvalidRequest},
	{"key not in UTF-8", with(Mount{Destination: "/x", Hints: []Hint{{"\xff", Off}}}), ErrInvalidRequest},
	{"clash of access", clash(func(m *Mount) { m.Hints = []Hint{{"k", Off}} }), ErrInvalidRequest},
	{"clash of cache", clash(func(m *Mount) { m.Cache = CacheExclusive }), ErrInvalidRequest},
	{"unknown setting", with(Mount{Destination: "/x", Hints: []Hint{{"k", 4}}}), ErrInvalidValue},
	{"on and off", with(Mount{Destination: "/x", Backend: StockGofer, Hints: []Hint{{"k", On}, {"l", Off}}}), ErrConflict},
	{"default and on", with(Mount{Destination: "/x", Backend: StockGofer, Hints: []Hint{{"k", Default}, {"l", On}}}), ErrConflict},
	{"conflict without a gofer", with(Mount{Destination: "/x", Hints: []Hint{{"k", Off}, {}, {"l", Default}}}), ErrConflict},
	{"on, virtual", with(Mount{Destination: "/x", Backend: VirtualGofer, Hints: []Hint{{"k", On}}}), ErrCannotDonate},
	{"on, no gofer", with(Mount{Destination: "/x", Hints: []Hint{{"k", On}}}), ErrNotGoferMount},
	{"unknown unmatched setting", func(r *Request) { r.Unmatched = []Hint{{"k", 4}} }, ErrInvalidValue},
	{"unmatched without a key", func(r *Request) { r.Unmatched = []Hint{{"", On}} }, ErrInvalidRequest},
	{"unmatched in a standalone container", func(r *Request) { r.Scope, r.Unmatched = Standalone, []Hint{{"k", Default}} }, ErrNoMount},
}

// drawAnyRequest draws a request that Resolve may accept or refuse.
func drawAnyRequest(t *rapid.T) Request {
	r := drawRequest(t)
	for range rapid.IntRange(0, 2).Draw(t, "faults") {
		rapid.SampledFrom(faults).Draw(t, "fault").plant(&r)
	}
	return r
}

// copyOf shares no memory with r.
func copyOf(r Request) Request {
	r.Rootfs.Hints = slices.Clone(r.Rootfs.Hints)
	r.Mounts = slices.Clone(r.Mounts)
	for i := range r.Mounts {
		r.Mounts[i].Hints = slices.Clone(r.Mounts[i].Hints)
	}
	r.Unmatched = slices.Clone(r.Unmatched)
	return r
}

// rehint returns r with one hint in place of all hints of the mounts at dest
// that a gofer serves, so that mounts that hide each other still agree.
func rehint(r Request, dest string, s Setting) Request {
	r = copyOf(r)
	set := func(m *Mount, at string) {
		if at == dest && m.Backend.Served() {
			m.Hints = []Hint{{keyOf(dest), s}}
		}
	}
	set(&r.Rootfs, "/")
	for i := range r.Mounts {
		set(&r.Mounts[i], r.Mounts[i].Destination)
	}
	return r
}

// drawTarget draws the destination of a mount, if there is one, for which ok
// holds.
func drawTarget(t *rapid.T, r Request, ok func(Backend) bool) (string, bool) {
	var dests []string
	if ok(r.Rootfs.Backend) {
		dests = append(dests, "/")
	}
	for _, m := range r.Mounts {
		if ok(m.Backend) {
			dests = append(dests, m.Destination)
		}
	}
	if len(dests) == 0 {
		return "", false
	}
	return rapid.SampledFrom(dests).Draw(t, "target"), true
}

func mustResolve(t rapid.TB, r Request) Plan {
	t.Helper()
	p, err := Resolve(r)
	if err != nil {
		t.Fatalf("%+v: %v", r, err)
	}
	return p
}
