package directfspolicy

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// The words of decisionTable.
var (
	yes, no, either = []bool{true}, []bool{false}, []bool{false, true}

	on, off, silent = []Setting{On}, []Setting{Off}, []Setting{Unset, Default}
	notOn           = []Setting{Unset, Default, Off}

	canDonate  = []Backend{StockGofer, DonatingGofer}
	cannot     = []Backend{VirtualGofer}
	served     = []Backend{StockGofer, VirtualGofer, DonatingGofer}
	unserved   = []Backend{NoGofer}
	allFlags   = either
	allHints   = []Setting{Unset, Default, On, Off}
	allServers = []Backend{NoGofer, StockGofer, VirtualGofer, DonatingGofer}
	allScopes  = []Scope{Standalone, PodSandbox, PodMember}
	allCaches  = []Cache{CacheShared, CacheExclusive}

	allCacheHints = []Setting{Unset, Default, Shared, Exclusive}
)

type tableRow struct {
	flag    []bool
	hint    []Setting
	backend []Backend
	access  Access
	reason  reason
	err     error
}

// decisionTable is the table of the package comment, line by line.
var decisionTable = []tableRow{
	{yes, silent, canDonate, DirectFS, becauseFlagOn, nil},
	{yes, silent, cannot, LisaFS, becauseCannotDonate, nil},
	{either, on, canDonate, DirectFS, becauseHintOn, nil},
	{either, on, cannot, 0, 0, ErrCannotDonate},
	{either, off, served, LisaFS, becauseHintOff, nil},
	{no, silent, served, LisaFS, becauseFlagOff, nil},
	{either, on, unserved, 0, 0, ErrNotGoferMount},
	{either, notOn, unserved, NoAccess, becauseNotGofer, nil},
}

// linesOf returns the lines of the table that speak of the combination.
func linesOf(flag bool, s Setting, b Backend) []tableRow {
	return slices.DeleteFunc(slices.Clone(decisionTable), func(r tableRow) bool {
		return !slices.Contains(r.flag, flag) || !slices.Contains(r.hint, s) || !slices.Contains(r.backend, b)
	})
}

// hinted returns a mount that carries the setting as its one hint.
func hinted(dest string, b Backend, s Setting) Mount {
	m := Mount{Destination: dest, Backend: b}
	if s != Unset {
		m.Hints = []Hint{hint(keyOf(dest), s)}
	}
	return m
}

// annotationPrefix starts the keys of these tests. The package knows none.
const annotationPrefix = "dev.gvisor.spec."

// hint is about the access, and cached about the cache mode. Both are pod-wide
// if they have the prefix, as their reader would say.
func hint(key string, s Setting) Hint {
	return Hint{Knob: DirectFSKnob, Key: key, Setting: s, PodWide: strings.HasPrefix(key, annotationPrefix)}
}

func cached(key string, s Setting) Hint {
	h := hint(key, s)
	h.Knob = CacheKnob
	return h
}

// gofer is about who serves the mount.
func gofer(key string, s Setting) Hint {
	h := hint(key, s)
	h.Knob = GoferKnob
	return h
}

func goferKeyOf(dest string) string { return strings.TrimSuffix(keyOf(dest), "directfs") + "gofer" }

// elsewhere are hints for a source that no mount of these tests has.
func elsewhere(hints ...Hint) []SourceHint {
	var out []SourceHint
	for _, h := range hints {
		out = append(out, SourceHint{Hint: h, Source: Source{Path: "/elsewhere"}})
	}
	return out
}

func src(path string) []Source {
	if path == "" {
		return nil
	}
	return []Source{{Path: path}}
}

// about are the hints about a knob, and drop takes them away.
func about(hints []Hint, k Knob) []Hint {
	return slices.DeleteFunc(slices.Clone(hints), func(h Hint) bool { return h.Knob != k })
}

func drop(hints []Hint, k Knob) []Hint {
	return slices.DeleteFunc(slices.Clone(hints), func(h Hint) bool { return h.Knob == k })
}

func keyOf(dest string) string {
	if dest == "/" {
		return annotationPrefix + "rootfs.directfs"
	}
	return annotationPrefix + "mount." + dest[1:] + ".directfs"
}

func cacheKeyOf(dest string) string {
	if dest == "/" {
		return annotationPrefix + "rootfs.cache"
	}
	return annotationPrefix + "mount." + dest[1:] + ".cache"
}

func TestDecisionTable(t *testing.T) {
	for _, flag := range allFlags {
		for _, s := range allHints {
			for _, b := range allServers {
				t.Run(fmt.Sprintf("%t/%v/%v", flag, s, b), func(t *testing.T) {
					lines := linesOf(flag, s, b)
					if len(lines) != 1 {
						t.Fatalf("%d lines of the table, want 1", len(lines))
					}
					testLine(t, lines[0], flag, s, b)
				})
			}
		}
	}
}

// testLine tries one combination as the rootfs and as another mount.
func testLine(t *testing.T, want tableRow, flag bool, s Setting, b Backend) {
	plain := Mount{Backend: NoGofer}
	for dest, r := range map[string]Request{
		"/":     {Container: Container{Flag: flag}, Rootfs: hinted("/", b, s)},
		"/data": {Container: Container{Flag: flag}, Rootfs: plain, Mounts: []Mount{hinted("/data", b, s)}},
	} {
		p, err := Resolve(r)
		if !errors.Is(err, want.err) {
			t.Fatalf("%s: error %v, want %v", dest, err, want.err)
		}
		if err != nil {
			if !reflect.DeepEqual(p, Plan{}) {
				t.Errorf("%s: plan %+v with an error", dest, p)
			}
			continue
		}
		d := p.Decisions()[len(p.Decisions())-1]
		if d.Mount != dest || d.Access != want.access || d.WhyAccess.reason != want.reason {
			t.Errorf("%s: got %s %v because %v, want %v because %v", dest, d.Mount, d.Access, d.WhyAccess.reason, want.access, want.reason)
		}
	}
}

func TestBackends(t *testing.T) {
	for _, b := range append(slices.Clone(allServers), Backend(99)) {
		if got, want := b.served(), slices.Contains(served, b); got != want {
			t.Errorf("%v: Served() = %t", b, got)
		}
		if got, want := b.canDonate(), slices.Contains(canDonate, b); got != want {
			t.Errorf("%v: CanDonate() = %t", b, got)
		}
	}
}
