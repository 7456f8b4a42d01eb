package directfspolicy

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// cacheOracle spells out what becomes of a cache hint on a mount that a gofer
// serves, without and with an overlay: S for shared, E for exclusive, = for the
// mount's default, O for the refusal "overlay".
var cacheOracle = map[Setting][2]string{
	Unset:     {"=", "="},
	Default:   {"=", "="},
	Shared:    {"S", "O"},
	Exclusive: {"E", "E"},
}

// cacheVerdict is what a request that is accepted leads to for the mount.
func cacheVerdict(m Mount) (Cache, reason) {
	s := Unset
	for _, h := range about(m.Hints, CacheKnob) {
		if h.Setting != Unset {
			s = h.Setting
		}
	}
	switch cacheOracle[s][0] {
	case "S":
		return CacheShared, becauseHintShared
	case "E":
		return CacheExclusive, becauseHintExclusive
	}
	if m.Cache == CacheExclusive {
		return CacheExclusive, becauseDefaultExclusive
	}
	return CacheShared, becauseDefaultShared
}

func TestCacheTable(t *testing.T) {
	for _, hint := range allCacheHints {
		for _, standard := range allCaches {
			for _, overlay := range []bool{false, true} {
				for _, b := range allServers {
					m := Mount{Destination: "/x", Backend: b, Cache: standard, Overlay: overlay, Hints: []Hint{cached("k", hint)}}
					t.Run(fmt.Sprintf("%v/%v/%t/%v", hint, standard, overlay, b), func(t *testing.T) { testCacheLine(t, m, hint) })
				}
			}
		}
	}
}

func testCacheLine(t *testing.T, m Mount, hint Setting) {
	var refusal error
	switch verdict := cacheOracle[hint]; {
	case !m.Backend.served() && verdict[0] != "=":
		refusal = ErrNotGoferMount
	case m.Overlay && verdict[1] == "O":
		refusal = ErrOverlay
	}
	root := m
	root.Destination = "/"
	for _, r := range []Request{{Mounts: []Mount{m}}, {Rootfs: root}} {
		p, err := Resolve(r)
		if !errors.Is(err, refusal) || refusal == nil && err != nil {
			t.Fatalf("error %v, want %v", err, refusal)
		}
		if err != nil {
			continue
		}
		d := p.decisions[len(p.decisions)-1]
		if cache, why := cacheVerdict(m); d.Cache != cache || d.WhyCache.reason != why {
			t.Errorf("%v because %v, want %v because %v", d.Cache, d.WhyCache.reason, cache, why)
		}
	}
}

func TestParseCacheHint(t *testing.T) {
	for word, want := range map[string]Setting{"shared": Shared, "exclusive": Exclusive, "default": Default} {
		if h, err := ParseHint(CacheKnob, "k", word, "/m"); err != nil || h != (Hint{Knob: CacheKnob, Key: "k", Setting: want}) {
			t.Errorf("%s: %+v, %v", word, h, err)
		}
	}
	for _, word := range []string{"", "Shared", "none", "on", "exclusive "} {
		_, err := ParseHint(CacheKnob, "k", word, "/m")
		want := fmt.Sprintf(`k=%q (mount "/m"): invalid value; allowed: shared, exclusive, default; write one of the allowed values or remove the key`, word)
		if !errors.Is(err, ErrInvalidValue) || err.Error() != want {
			t.Errorf("%q: %v, want %s", word, err, want)
		}
	}
}

func TestCacheRefusals(t *testing.T) {
	hinted := func(s Setting) Mount {
		return Mount{Destination: "/x", Backend: StockGofer, Sources: src("/s"), Hints: []Hint{cached("k", s)}}
	}
	overlaid := hinted(Shared)
	overlaid.Overlay = true
	local := hinted(Exclusive)
	local.Backend = NoGofer
	for want, ms := range map[string][]Mount{
		`k="shared" (mount "/x"): an overlay over the mount does not look for changes below it; allowed: exclusive, default; remove the hint, or the overlay`:                                             {overlaid},
		`k="exclusive" (mount "/x"): not a gofer mount; allowed: default; remove the hint: the mount lives in the sandbox, which alone has its files`:                                                     {local},
		`k="exclusive" (mount "/x"): another mount changes the same files; mount "/y" writes to them (/s/sub); allowed: shared, default; write one of these for mount "/x", or make mount "/y" read-only`: {hinted(Exclusive), {Destination: "/y", Backend: VirtualGofer, Sources: src("/s/sub")}},
		`l="exclusive" (mount "/x"): contradicts another hint for the same mount; allowed: shared; make it agree with k=shared, or remove one of the two`: {func() Mount {
			m := hinted(Shared)
			m.Hints = append(m.Hints, cached("l", Exclusive))
			return m
		}()},
	} {
		if _, err := Resolve(Request{Mounts: ms}); err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

// inside reports whether one source is in another, or the same.
func inside(source, dir string) bool {
	return source != "" && dir != "" && (source == dir || strings.HasPrefix(source, strings.TrimSuffix(dir, "/")+"/"))
}

func overlap(a, b string) bool { return inside(a, b) || inside(b, a) }

// pathOf is the path of the one source that these tests give a mount.
func pathOf(sources []Source) string {
	if len(sources) == 0 {
		return ""
	}
	return sources[0].Path
}

func promises(m Mount) bool {
	cache, why := cacheVerdict(m)
	return cache == CacheExclusive && why == becauseHintExclusive
}

func writesHost(m Mount) bool { return m.Backend.served() && !m.ReadOnly }

// broken lists the mounts of a request, 0 for the rootfs, whose promise to be
// alone another mount breaks.
func broken(r Request) []int {
	var out []int
	for i := range 1 + len(r.Mounts) {
		for j := range 1 + len(r.Mounts) {
			m, o := mountAt(r, i), mountAt(r, j)
			sameDest := m.Destination == o.Destination || i == 0 && o.Destination == "/" || j == 0 && m.Destination == "/"
			if i != j && !sameDest && promises(m) && writesHost(o) && overlap(pathOf(m.Sources), pathOf(o.Sources)) {
				out = append(out, i)
				break
			}
		}
	}
	return out
}

// drawSharing draws a request in which mounts may break promises, and nothing
// else is wrong.
func drawSharing(t *rapid.T) Request {
	r := drawRequest(t)
	for i := range r.Mounts {
		m := &r.Mounts[i]
		m.Sources = src(rapid.SampledFrom([]string{"", "/", "/s", "/s/a", "/s/a/b", "/s/ab", "/t", "bucket/a"}).Draw(t, "source"))
		m.Hints = drop(m.Hints, CacheKnob)
		if m.Backend.served() && rapid.Bool().Draw(t, "exclusive") {
			m.Hints = append(m.Hints, cached(cacheKeyOf(m.Destination), Exclusive))
		}
	}
	for i := range r.Mounts {
		for j := range i {
			if r.Mounts[j].Destination == r.Mounts[i].Destination && r.Mounts[i].Backend.served() && r.Mounts[j].Backend.served() {
				r.Mounts[i] = r.Mounts[j]
			}
		}
	}
	return r
}

// A request is refused exactly where another mount of the container breaks a
// promise.
func propPromises(t *rapid.T) {
	r := drawSharing(t)
	_, err := Resolve(r)
	if bad := broken(r); errors.Is(err, ErrNotExclusive) != (len(bad) > 0) || err != nil && len(bad) == 0 {
		t.Fatalf("%+v: error %v, mounts %v break a promise", r, err, bad)
	}
}

// Two containers fit in one sandbox exactly where neither breaks a promise of
// the other's, and the question has no order.
func propCoexist(t *rapid.T) {
	one, other := drawRequest(t), drawRequest(t)
	want := false
	for i := range 1 + len(one.Mounts) {
		for j := range 1 + len(other.Mounts) {
			m, o := mountAt(one, i), mountAt(other, j)
			if overlap(pathOf(m.Sources), pathOf(o.Sources)) && (promises(m) && writesHost(o) || promises(o) && writesHost(m)) {
				want = true
			}
		}
	}
	p, q := mustResolve(t, one), mustResolve(t, other)
	err, swapped := p.Coexist("one", q, "other"), q.Coexist("other", p, "one")
	if errors.Is(err, ErrNotExclusive) != want || (err == nil) == want || (err == nil) != (swapped == nil) {
		t.Fatalf("%+v\n%+v\n%v, the other way %v, want a refusal: %t", one, other, err, swapped, want)
	}
}

// A cache hint changes the cache of its mount and nothing else.
func propCacheHintChangesNothingElse(t *rapid.T) {
	r := drawRequest(t)
	plain := copyOf(r)
	plain.Rootfs.Hints = drop(plain.Rootfs.Hints, CacheKnob)
	for i := range plain.Mounts {
		plain.Mounts[i].Hints = drop(plain.Mounts[i].Hints, CacheKnob)
	}
	p, q := mustResolve(t, r), mustResolve(t, plain)
	for i := range p.decisions {
		d, e := &p.decisions[i], q.decisions[i]
		d.Cache, d.WhyCache = e.Cache, e.WhyCache
	}
	if !reflect.DeepEqual(p, q) {
		t.Fatalf("cache hints changed %+v to %+v", q, p)
	}
}

func TestCacheProperties(t *testing.T) {
	for name, prop := range map[string]func(*rapid.T){
		"promises":                        propPromises,
		"coexist":                         propCoexist,
		"cache hint changes nothing else": propCacheHintChangesNothingElse,
	} {
		t.Run(name, rapid.MakeCheck(prop))
	}
}

func FuzzPromises(f *testing.F)       { f.Fuzz(rapid.MakeFuzz(propPromises)) }
func FuzzCoexist(f *testing.F)        { f.Fuzz(rapid.MakeFuzz(propCoexist)) }
func FuzzCacheHintAlone(f *testing.F) { f.Fuzz(rapid.MakeFuzz(propCacheHintChangesNothingElse)) }
