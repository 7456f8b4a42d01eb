package directfspolicy

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// realPlace is where files really are: a file system and a path inside it.
type realPlace struct{ fs, path string }

func (s realPlace) inside(o realPlace) bool { return s.fs == o.fs && inside(s.path, o.path) }

// host is a machine: each road leads to a directory of some file system.
type host map[string]realPlace

var roads = []string{"/srv", "/link", "/var/lib/pods/v", "/var/lib/pods/subpath/0"}

func drawHost(t *rapid.T) host {
	h := host{}
	for _, road := range roads {
		h[road] = realPlace{
			rapid.SampledFrom([]string{"8:1", "0:42"}).Draw(t, "file system"),
			rapid.SampledFrom([]string{"/", "/v", "/v/sub", "/va"}).Draw(t, "directory"),
		}
	}
	return h
}

// drawSource draws a source by one of the roads, and says where it really is.
// What is not known of it depends on who asks; a path is always known.
func (h host) drawSource(t *rapid.T, known bool) (Source, realPlace) {
	road := rapid.SampledFrom(roads).Draw(t, "road")
	rest := rapid.SampledFrom([]string{"", "/sub", "/sub/deep", "/subs"}).Draw(t, "rest")
	at := realPlace{h[road].fs, path.Join(h[road].path, rest)}
	s := Source{Path: road + rest}
	if known {
		s.Filesystem, s.Within = at.fs, at.path
		s.Device, s.Inode = uint64(len(at.fs)), inodeOf(at)
	}
	return s, at
}

// inodeOf is the same for the same place and for no other.
func inodeOf(at realPlace) uint64 {
	n := uint64(1)
	for _, c := range at.fs + at.path {
		n = n*131 + uint64(c)
	}
	return n
}

// Property 13: a hint that names a source counts for every mount whose files
// are that source's or inside it, by whatever road; all that count for one must
// agree. Where nothing but paths is known, these are compared.
func propSourceHints(t *rapid.T) {
	h := drawHost(t)
	known := rapid.Bool().Draw(t, "identities known")
	r := Request{Container: Container{Flag: rapid.Bool().Draw(t, "flag"), Scope: PodMember}, Rootfs: Mount{Backend: StockGofer, Sources: src("/srv")}}
	var hintAt, mountAt []realPlace
	for i := range rapid.IntRange(0, 3).Draw(t, "hints") {
		s, at := h.drawSource(t, known)
		setting := rapid.SampledFrom([]Setting{Default, On, Off, Off}).Draw(t, "setting")
		r.SourceHints = append(r.SourceHints, SourceHint{Hint: hint(fmt.Sprint("k", i), setting), Source: s})
		hintAt = append(hintAt, at)
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "mounts") {
		s, at := h.drawSource(t, known)
		r.Mounts = append(r.Mounts, Mount{Destination: fmt.Sprint("/m", i), Backend: StockGofer, Sources: []Source{s}})
		mountAt = append(mountAt, at)
	}
	counts := func(i, j int) bool {
		if known {
			return mountAt[j].inside(hintAt[i])
		}
		return inside(r.Mounts[j].Sources[0].Path, r.SourceHints[i].Source.Path)
	}
	checkSourceHints(t, r, counts)
}

// checkSourceHints compares Resolve with what should count.
func checkSourceHints(t rapid.TB, r Request, counts func(hint, mount int) bool) {
	t.Helper()
	p, err := Resolve(r)
	want := make([][]string, len(r.Mounts))
	conflict, matched := false, make([]bool, len(r.SourceHints))
	for j := range r.Mounts {
		settings := map[Setting]bool{}
		for i, h := range r.SourceHints {
			if counts(i, j) {
				matched[i] = true
				settings[h.Setting] = true
				want[j] = append(want[j], h.Key)
			}
		}
		conflict = conflict || len(settings) > 1
	}
	if (err != nil) != conflict || conflict && !errors.Is(err, ErrConflict) {
		t.Fatalf("%+v: error %v, conflict %t", r, err, conflict)
	}
	for _, f := range Findings(err) {
		named := 0
		for _, h := range r.SourceHints {
			if strings.Contains(f.Error(), h.Key+"=") {
				named++
			}
		}
		if named < 2 {
			t.Fatalf("%v names %d of the hints that differ", f, named)
		}
	}
	if err != nil {
		return
	}
	for j, keys := range want {
		d := p.decisions[1+j]
		if h, ok := d.WhyAccess.Hint(); ok && !slices.Contains(keys, h.Key) {
			t.Fatalf("%+v is decided by %v, want one of %v", d, h, keys)
		}
		for i, h := range r.SourceHints {
			if counts(i, j) && h.Setting != Default && d.WhyAccess.key == "" {
				t.Fatalf("%v does not count for %+v", h, d)
			}
		}
	}
	if p.decisions[0].WhyAccess.key != "" {
		t.Fatalf("the rootfs is decided by %v", p.decisions[0].WhyAccess)
	}
	for i, h := range r.SourceHints {
		if slices.Contains(p.Unmatched(), h.Hint) == matched[i] {
			t.Fatalf("%v: matched %t, unmatched are %v", h, matched[i], p.Unmatched())
		}
	}
}

// An exclusive cache is refused where another mount writes to the files, and an
// off mount is warned of where a directfs mount has them, by whatever road and
// whether it is the source itself or a mount below it.
func propSharingByIdentity(t *rapid.T) {
	h := drawHost(t)
	known := rapid.Bool().Draw(t, "identities known")
	var mounts []Mount
	var at [][]realPlace
	for i := range 2 {
		m := Mount{Destination: fmt.Sprint("/m", i), Backend: StockGofer}
		var places []realPlace
		for range rapid.IntRange(1, 3).Draw(t, "sources") {
			s, p := h.drawSource(t, known)
			m.Sources, places = append(m.Sources, s), append(places, p)
		}
		mounts, at = append(mounts, m), append(at, places)
	}
	shared := false
	for i, a := range at[0] {
		for j, b := range at[1] {
			if known {
				shared = shared || a.inside(b) || b.inside(a)
			} else {
				shared = shared || overlap(mounts[0].Sources[i].Path, mounts[1].Sources[j].Path)
			}
		}
	}
	warned := slices.Clone(mounts)
	warned[0].Hints = []Hint{hint("k", Off)}
	p := mustResolve(t, Request{Container: Container{Flag: true}, Mounts: warned})
	if w := p.Warnings(); (len(w) > 0) != shared || shared && (w[0].Kind != warnReachable || w[0].Mount != "/m0" || w[0].OtherMount != "/m1") {
		t.Fatalf("%+v share files: %t, warnings %v", mounts, shared, w)
	}
	mounts[0].Hints = []Hint{cached("k", Exclusive)}
	if _, err := Resolve(Request{Mounts: mounts}); errors.Is(err, ErrNotExclusive) != shared || (err != nil) != shared {
		t.Fatalf("%+v share files: %t, error %v", mounts, shared, err)
	}
	one, other := mustResolve(t, Request{Mounts: mounts[:1]}), mustResolve(t, Request{Mounts: mounts[1:]})
	if err := one.Coexist("one", other, "other"); errors.Is(err, ErrNotExclusive) != shared {
		t.Fatalf("%+v share files: %t, beside each other: %v", mounts, shared, err)
	}
}

func TestSourceProperties(t *testing.T) {
	t.Run("13 hints by source", rapid.MakeCheck(propSourceHints))
	t.Run("13 sharing by identity", rapid.MakeCheck(propSharingByIdentity))
}

func FuzzSourceHints(f *testing.F)       { f.Fuzz(rapid.MakeFuzz(propSourceHints)) }
func FuzzSharingByIdentity(f *testing.F) { f.Fuzz(rapid.MakeFuzz(propSharingByIdentity)) }
