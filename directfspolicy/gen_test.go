package directfspolicy

import (
	"fmt"
	"slices"
	"strings"

	"pgregory.net/rapid"
)

// hintsFor are the settings that a mount with the backend can have.
func hintsFor(b Backend) []Setting {
	if b.canDonate() {
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
		BackendName: rapid.SampledFrom([]string{"", "blob", "über\n"}).Draw(t, "backendName"),
		Cache:       rapid.SampledFrom(allCaches).Draw(t, "cache"),
		Sources:     src("/src/" + strings.ReplaceAll(dest, "/", "_")), // nobody else's
		Overlay:     rapid.Bool().Draw(t, "overlay"),
		ReadOnly:    rapid.Bool().Draw(t, "readOnly"),
	}
	if b.served() && rapid.IntRange(0, 2).Draw(t, "has a gofer") == 0 {
		drawGofer(t, &m)
	}
	s := rapid.SampledFrom(hintsFor(asServed(m).Backend)).Draw(t, "hint")
	for i := range rapid.IntRange(0, 2).Draw(t, "times said") {
		m.Hints = append(m.Hints, hint(fmt.Sprintf("%s#%d", keyOf(dest), i), s))
	}
	if rapid.Bool().Draw(t, "with a no-op") {
		m.Hints = append(m.Hints, Hint{})
	}
	c := rapid.SampledFrom(cacheHintsFor(m)).Draw(t, "cache hint")
	for i := range rapid.IntRange(0, 2).Draw(t, "times said of cache") {
		m.Hints = append(m.Hints, cached(fmt.Sprintf("%s#%d", cacheKeyOf(dest), i), c))
	}
	return m
}

// cacheHintsFor are the settings that the mount can have.
func cacheHintsFor(m Mount) []Setting {
	switch {
	case !m.Backend.served():
		return []Setting{Unset, Default}
	case m.Overlay:
		return []Setting{Unset, Default, Exclusive}
	}
	return allCacheHints
}

// drawSources gives some mounts files that others have too, and takes the hints
// away for which the request would be refused.
func drawSources(t *rapid.T, r *Request) {
	for i := range r.Mounts {
		if rapid.IntRange(0, 3).Draw(t, "shares") > 0 {
			r.Mounts[i].Sources = src(rapid.SampledFrom([]string{"", "/s", "/s/a", "/s/a/b", "/s/ab", "/t", "bucket", "bucket/a"}).Draw(t, "source"))
		}
	}
	for bad := broken(*r); len(bad) > 0; bad = broken(*r) {
		dropCacheHints(r, mountAt(*r, bad[0]).Destination)
	}
}

// dropCacheHints takes the cache hints of all mounts at the destination, which
// must agree.
func dropCacheHints(r *Request, dest string) {
	if r.Rootfs.Destination == dest {
		r.Rootfs.Hints = drop(r.Rootfs.Hints, CacheKnob)
	}
	for i := range r.Mounts {
		if r.Mounts[i].Destination == dest {
			r.Mounts[i].Hints = drop(r.Mounts[i].Hints, CacheKnob)
		}
	}
}

func drawDestination(t *rapid.T) string {
	depth1 := rapid.SampledFrom([]string{"/a", "/b", "/data", "/ü", "/ ", "/..."}).Draw(t, "dir")
	return depth1 + rapid.SampledFrom([]string{"", "/0", "/1", "/\"\\", "/\n"}).Draw(t, "sub")
}

// drawRequest draws a request that Resolve accepts. Some of its mounts may
// share a destination: twins, and mounts without a gofer.
func drawRequest(t *rapid.T) Request {
	r := Request{
		Container: Container{Flag: rapid.Bool().Draw(t, "flag"), Scope: rapid.SampledFrom(allScopes).Draw(t, "scope"), HostNetwork: rapid.Bool().Draw(t, "hostNetwork")},
		Rootfs:    drawMount(t, "/"),
		Backends:  registered,
		Gofers:    answers,
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
	drawSources(t, &r)
	r.HostDevices = rapid.IntRange(0, 3).Draw(t, "host devices") == 0
	r.SourceHints = drawUnmatched(t, r.Scope)
	if r.Scope != Standalone && rapid.Bool().Draw(t, "unmatched cache") {
		c := rapid.SampledFrom(allCacheHints).Draw(t, "unmatched cache hint")
		r.SourceHints = append(r.SourceHints, elsewhere(cached(annotationPrefix+"mount.elsewhere.cache", c))...)
	}
	return r
}

func drawUnmatched(t *rapid.T, s Scope) []SourceHint {
	settings := allHints
	if s == Standalone {
		settings = []Setting{Unset}
	}
	var hints []Hint
	for i := range rapid.IntRange(0, 2).Draw(t, "unmatched") {
		key := fmt.Sprintf("%smount.elsewhere%d.directfs", annotationPrefix, i)
		hints = append(hints, hint(key, rapid.SampledFrom(settings).Draw(t, "unmatched hint")))
	}
	return elsewhere(hints...)
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
	r.Rootfs.Sources = slices.Clone(r.Rootfs.Sources)
	r.Mounts = slices.Clone(r.Mounts)
	for i := range r.Mounts {
		r.Mounts[i].Hints = slices.Clone(r.Mounts[i].Hints)
		r.Mounts[i].Sources = slices.Clone(r.Mounts[i].Sources)
	}
	r.SourceHints = slices.Clone(r.SourceHints)
	return r
}

// rehint returns r with one hint in place of all hints of the mounts at dest
// that a gofer serves, so that mounts that hide each other still agree.
func rehint(r Request, dest string, s Setting) Request {
	r = copyOf(r)
	set := func(m *Mount, at string) {
		if at == dest && m.Backend.served() {
			m.Hints = append(drop(m.Hints, DirectFSKnob), hint(keyOf(dest), s))
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
	if ok(asServed(r.Rootfs).Backend) {
		dests = append(dests, "/")
	}
	for _, m := range r.Mounts {
		if ok(asServed(m).Backend) {
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

// decisionAt returns the decision for the first mount at the destination that a
// gofer serves, if there is one.
func decisionAt(p Plan, dest string) (Decision, bool) {
	for _, d := range p.Decisions() {
		if d.Mount == dest && d.Access != NoAccess {
			return d, true
		}
	}
	return Decision{}, false
}
