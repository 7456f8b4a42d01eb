package engine_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"strings"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/engine"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"gvisor.dev/gvisor/runsc/boot"
	"gvisor.dev/gvisor/runsc/specutils"
)

var (
	shared     = directfspolicy.CacheShared
	directRoot = want{directfspolicy.DirectFS, shared}
	lisafsRoot = want{directfspolicy.LisaFS, shared}
	directWant = want{directfspolicy.DirectFS, shared}
	lisafsWant = want{directfspolicy.LisaFS, shared}
)

func TestLowerSpecKeepsTheRest(t *testing.T) {
	raw := []byte(`{"ociVersion":"1.2.1","x-unknown":{"n":12345678901234567890,"s":"<&>"},"annotations":{"a":"1"},"mounts":[{"destination":"/d","options":["directfs=on"]}]}`)
	low, _, err := engine.LowerSpec(raw, directfspolicy.Plan{})
	if err != nil {
		t.Fatal(err)
	}
	var before, after map[string]json.RawMessage
	if err := json.Unmarshal(raw, &before); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(low, &after); err != nil {
		t.Fatal(err)
	}
	delete(before, "annotations")
	delete(after, "annotations")
	var got, want bytes.Buffer
	for name := range before {
		got.Reset()
		want.Reset()
		_ = json.Compact(&got, after[name])
		json.HTMLEscape(&want, before[name])
		if got.String() != want.String() {
			t.Errorf("%s: %s became %s", name, want.String(), got.String())
		}
	}
	if len(before) != len(after) {
		t.Errorf("fields %v became %v", before, after)
	}
}

// However the annotations are written, the engine's decoder sees the sentinels
// and the user's own, and none of the hints.
func TestLowerSpecAnnotations(t *testing.T) {
	hint := `"dev.gvisor.spec.rootfs.directfs":"on","dev.gvisor.spec.mount.a.directfs":"on","dev.gvisor.spec.mount.a.source":"/a"`
	for name, tt := range map[string]struct {
		raw  string
		kept map[string]string
	}{
		"absent":     {`{}`, nil},
		"null":       {`{"annotations":null}`, nil},
		"empty":      {`{"annotations":{}}`, nil},
		"hints":      {`{"annotations":{` + hint + `,"a":"1"}}`, map[string]string{"a": "1"}},
		"other case": {`{"Annotations":{` + hint + `,"a":"1"}}`, map[string]string{"a": "1"}},
		"twice":      {`{"annotations":{"a":"1"},"annotations":{` + hint + `,"b":"2"}}`, map[string]string{"a": "1", "b": "2"}},
		"two cases":  {`{"annotations":{` + hint + `,"a":"1"},"ANNOTATIONS":{"b":"2"}}`, map[string]string{"a": "1", "b": "2"}},
		"more after": {`{"annotations":{` + hint + `,"a":"1"}} {"annotations":{"b":"2"}}`, map[string]string{"a": "1"}},
		"taken back": {`{"annotations":{"dev.gvisor.internal.directfs-lowered":"true"},"Annotations":null}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			spec := mustLower(t, []byte(tt.raw), directfspolicy.Plan{})
			hints, err := boot.NewPodMountHints(spec)
			if err != nil || len(hints.Mounts) != 4 {
				t.Fatalf("%d hints, want the 4 sentinels: %v", len(hints.Mounts), err)
			}
			maps.DeleteFunc(spec.Annotations, func(k, _ string) bool {
				return strings.HasPrefix(k, "dev.gvisor.spec.mount.directfs-policy-") || k == "dev.gvisor.internal.directfs-lowered" || k == "dev.gvisor.directfs-decisions"
			})
			if len(spec.Annotations) != len(tt.kept) || len(tt.kept) > 0 && !reflect.DeepEqual(spec.Annotations, tt.kept) {
				t.Errorf("kept %v, want %v", spec.Annotations, tt.kept)
			}
		})
	}
}

func TestLowerSpecTwice(t *testing.T) {
	p := planFor(t, directfspolicy.Standalone, false, lisafsRoot, []want{directWant})
	once, _, err := engine.LowerSpec([]byte(`{"annotations":{"dev.gvisor.spec.rootfs.directfs":"on"}}`), p)
	if err != nil {
		t.Fatal(err)
	}
	twice, _, err := engine.LowerSpec(once, directfspolicy.Plan{})
	if err != nil || !bytes.Equal(once, twice) {
		t.Fatalf("%s became %s: %v", once, twice, err)
	}
}

func TestLowerSpecErrors(t *testing.T) {
	for _, raw := range []string{``, `[]`, `null`, `{`, `{"annotations":[]}`, `{"annotations":{"a":1}}`, `[] {}`} {
		if low, _, err := engine.LowerSpec([]byte(raw), directfspolicy.Plan{}); err == nil {
			t.Errorf("%q became %s", raw, low)
		}
	}
}

// The engine's hint for the rootfs is there exactly where the sandbox is
// raised and the rootfs must not use what it has. It keeps the user's fields.
func TestLowerRootfs(t *testing.T) {
	raw := []byte(`{"annotations":{"dev.gvisor.spec.rootfs.type":"bind","dev.gvisor.spec.rootfs.source":"/img","dev.gvisor.spec.rootfs.overlay":"memory"}}`)
	for _, tt := range []struct {
		root, mount want
		suppressed  bool
	}{
		{directRoot, directWant, false},
		{directRoot, lisafsWant, false},
		{lisafsRoot, directWant, true},
		{lisafsRoot, lisafsWant, false},
	} {
		p := planFor(t, directfspolicy.Standalone, true, tt.root, []want{tt.mount})
		for _, in := range [][]byte{raw, []byte(`{}`)} {
			hint, err := boot.NewRootfsHint(mustLower(t, in, p))
			if err != nil {
				t.Fatal(err)
			}
			if got := hint != nil && hint.SuppressDirectFS; got != tt.suppressed {
				t.Errorf("rootfs %v beside %v: suppressed=%t", tt.root, tt.mount, got)
			}
			if len(in) > 2 && (hint.Mount.Source != "/img" || hint.Overlay != "memory") {
				t.Errorf("the user's rootfs hint became %+v", hint)
			}
		}
	}
}

func TestLowerMountsErrors(t *testing.T) {
	p := planFor(t, directfspolicy.PodMember, true, directRoot, []want{lisafsWant})
	mounts := []specs.Mount{{Destination: "/m0", Type: "bind", Source: "/a", Options: []string{"dcache=-1,directfs"}}}
	ds := p.Decisions()[1:]
	for name, call := range map[string]func() ([]specs.Mount, error){
		"comma, first":         func() ([]specs.Mount, error) { return engine.FirstMounts(mounts, pairs(ds)) },
		"comma, joining":       func() ([]specs.Mount, error) { return engine.JoiningMounts(mounts, pairs(ds), p) },
		"too few decisions":    func() ([]specs.Mount, error) { return engine.FirstMounts(mounts, nil) },
		"too many decisions":   func() ([]specs.Mount, error) { return engine.JoiningMounts(nil, pairs(ds), p) },
		"no mounts, decisions": func() ([]specs.Mount, error) { return engine.FirstMounts(nil, pairs(ds)) },
	} {
		if got, err := call(); err == nil {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// Lowering must not reach into the caller's list.
func TestLoweringCopies(t *testing.T) {
	p := planFor(t, directfspolicy.PodMember, false, lisafsRoot, []want{directWant, lisafsWant})
	options := append(make([]string, 0, 8), "ro", "directfs=on")
	mounts := []specs.Mount{{Destination: "/m0", Source: "/a", Options: options}, {Destination: "/m1", Source: "/b"}}
	got, err := engine.JoiningMounts(mounts, pairs(p.Decisions()[1:]), p)
	if err != nil {
		t.Fatal(err)
	}
	want := []specs.Mount{{Destination: "/m0", Source: "/a", Options: []string{"ro", "directfs"}}, {Destination: "/m1", Source: "/b"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if mounts[0].Source != "/a" || !reflect.DeepEqual(mounts[0].Options, []string{"ro", "directfs=on"}) || options[:3][2] != "" {
		t.Errorf("the caller's list became %+v", mounts)
	}
}

// pairs takes the decisions for those of served mounts.
func pairs(ds []directfspolicy.Decision) []engine.Pair {
	var out []engine.Pair
	for _, d := range ds {
		out = append(out, engine.Pair{Served: d.Access != directfspolicy.NoAccess, Decision: d})
	}
	return out
}

func TestPairMounts(t *testing.T) {
	p := planFor(t, directfspolicy.Standalone, true, directRoot, []want{directWant, lisafsWant})
	bind := func(dest string) specs.Mount { return specs.Mount{Destination: dest, Type: "bind", Source: "/s"} }
	proc := specs.Mount{Destination: "/m1", Type: "proc", Source: "proc"}
	tmpfs := specutils.GoferMountConf{Upper: specutils.MemoryOverlay}
	for name, tt := range map[string]struct {
		mounts []specs.Mount
		confs  []specutils.GoferMountConf
		want   []directfspolicy.Access
		err    string
	}{
		"in order":        {[]specs.Mount{bind("/m0"), bind("/m1")}, []specutils.GoferMountConf{lisafs, lisafs, lisafs}, []directfspolicy.Access{directfspolicy.DirectFS, directfspolicy.LisaFS}, ""},
		"permuted":        {[]specs.Mount{bind("/m1"), proc, bind("/m0/")}, []specutils.GoferMountConf{lisafs, lisafs, lisafs}, []directfspolicy.Access{directfspolicy.LisaFS, directfspolicy.NoAccess, directfspolicy.DirectFS}, ""},
		"not by gofer":    {[]specs.Mount{bind("/m0"), bind("/m1")}, []specutils.GoferMountConf{lisafs, tmpfs, erofs}, []directfspolicy.Access{directfspolicy.NoAccess, directfspolicy.NoAccess}, ""},
		"not in the plan": {[]specs.Mount{bind("/m2")}, []specutils.GoferMountConf{lisafs, lisafs}, nil, `mount "/m2" is not in the plan`},
		"short confs":     {[]specs.Mount{bind("/m0"), bind("/m1")}, []specutils.GoferMountConf{lisafs, lisafs}, nil, `mount "/m1" has no configuration`},
		"no confs":        {[]specs.Mount{bind("/m0")}, nil, nil, `mount "/m0" has no configuration`},
	} {
		t.Run(name, func(t *testing.T) {
			ps, err := engine.PairMounts(tt.mounts, tt.confs, p)
			if tt.err != "" {
				if err == nil || err.Error() != tt.err {
					t.Fatalf("got %v, %v, want %s", ps, err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for i, pair := range ps {
				access := directfspolicy.NoAccess
				if pair.Served {
					access = pair.Decision.Access
				}
				if access != tt.want[i] {
					t.Errorf("%s: %v, want %v", tt.mounts[i].Destination, access, tt.want[i])
				}
			}
		})
	}
	zero := []specs.Mount{bind("/m0")}
	if ps, err := engine.PairMounts(zero, []specutils.GoferMountConf{lisafs, lisafs}, directfspolicy.Plan{}); err == nil {
		t.Errorf("a plan without decisions serves %v", ps)
	}
}
