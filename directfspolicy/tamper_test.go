package directfspolicy

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// edit is a change of mixedJSON.
type edit struct {
	name, old, new string
	err            error
}

func (e edit) edited() []byte {
	return []byte(strings.Replace(mixedJSON, e.old, e.new, 1))
}

// tampered lists edits that make the decoder refuse the plan.
var tampered = []edit{
	{"no version", `"version": 5,`, ``, ErrPlanVersion},
	{"null version", `"version": 5,`, `"version": null,`, ErrPlanVersion},
	{"version 0", `"version": 5,`, `"version": 0,`, ErrPlanVersion},
	{"version 1", `"version": 5,`, `"version": 1,`, ErrPlanVersion},
	{"version 2", `"version": 5,`, `"version": 2,`, ErrInvalidPlan},
	{"version 3", `"version": 5,`, `"version": 3,`, ErrInvalidPlan},
	{"version 4", `"version": 5,`, `"version": 4,`, ErrInvalidPlan},
	{"version 6", `"version": 5,`, `"version": 6,`, ErrPlanVersion},
	{"second version", `"flag": true,`, `"flag": true, "version": 1,`, ErrPlanVersion},
	{"version is no number", `"version": 5,`, `"version": "3",`, ErrInvalidPlan},
	{"not JSON", `"version": 5,`, `"version" 3,`, ErrInvalidPlan},
	{"trailing data", "]\n}", "]\n}{}", ErrInvalidPlan},
	{"unknown field", `"flag": true,`, `"flag": true, "flags": true,`, ErrInvalidPlan},
	{"unknown field of a decision", `"mount": "/on",`, `"mount": "/on", "access": "directfs",`, ErrInvalidPlan},
	{"unknown field of a reason", `"reason": "flag-on"`, `"reason": "flag-on", "extra": 1`, ErrInvalidPlan},
	{"unknown field of a hint", `"setting": "on"`, `"setting": "on", "extra": 1`, ErrInvalidPlan},
	{"unknown field of a source", `"within"`, `"outside"`, ErrInvalidPlan},
	{"derived field", `"flag": true,`, `"flag": true, "donations": ["/on"],`, ErrInvalidPlan},
	{"unknown scope", `"pod-sandbox"`, `"pod"`, ErrInvalidPlan},
	{"unknown ceiling", `"narrow"`, `"some"`, ErrInvalidPlan},
	{"unknown reason", `"hint-off"`, `"hint"`, ErrInvalidPlan},
	{"unknown cache mode", `"hint-exclusive"`, `"hint-exclusiv"`, ErrInvalidPlan},
	{"unknown setting", `"setting": "off"`, `"setting": "false"`, ErrInvalidPlan},
	{"unknown knob", `"knob": "cache"`, `"knob": "cachee"`, ErrInvalidPlan},
	{"setting of the other knob", `"knob": "cache"`, `"knob": "directfs"`, ErrInvalidPlan},

	{"flag", `"flag": true`, `"flag": false`, ErrInvalidPlan},
	{"ceiling", `"narrow"`, `"none"`, ErrInvalidPlan},
	{"scope", `"pod-sandbox"`, `"standalone"`, ErrInvalidPlan},
	{"relative mount", `"mount": "/tmp"`, `"mount": "tmp"`, ErrInvalidPlan},
	{"unclean mount", `"mount": "/tmp"`, `"mount": "/tmp/"`, ErrInvalidPlan},
	{"no rootfs", `"mount": "/",`, `"mount": "/x",`, ErrInvalidPlan},
	{"clash", `"mount": "/blob"`, `"mount": "/on"`, ErrInvalidPlan},
	{"reason that the flag excludes", `"directfs": {"reason": "flag-on"}`, `"directfs": {"reason": "flag-off"}`, ErrInvalidPlan},
	{"reason of the other knob", `"directfs": {"reason": "flag-on"}`, `"directfs": {"reason": "default-shared"}`, ErrInvalidPlan},
	{"reason with a stray key", `"reason": "hint-on"`, `"reason": "flag-on"`, ErrInvalidPlan},
	{"reason without its key", `"key": "dev.gvisor.spec.mount.on.directfs", `, ``, ErrInvalidPlan},
	{"reason with a stray backend", `"reason": "flag-on"`, `"reason": "flag-on", "backend": "blob"`, ErrInvalidPlan},
	{"default with the name of a gofer", `"gofer": {"reason": "default-gofer"}`, `"gofer": {"reason": "default-gofer", "name": "blob/models"}`, ErrInvalidPlan},
	{"gofer without its key", `"key": "dev.gvisor.spec.mount.models.gofer", `, ``, ErrInvalidPlan},
	{"gofer without its name", `, "name": "blob/models"`, ``, ErrInvalidPlan},
	{"gofer that is a path", `"name": "blob/models"`, `"name": "/run/blob.sock"`, ErrInvalidPlan},
	{"gofer that climbs", `"name": "blob/models"`, `"name": "blob/.."`, ErrInvalidPlan},
	{"name beside another reason", `"reason": "hint-off"`, `"reason": "hint-off", "name": "blob/models"`, ErrInvalidPlan},
	{"gofer of what has none", `{"mount": "/models", "directfs": {"reason": "cannot-donate"}`, `{"mount": "/models", "directfs": {"reason": "not-gofer"}`, ErrInvalidPlan},
	{"gofer with a source", `"outside": true, `, `"outside": true, "sources": [{"path": "/srv"}], `, ErrInvalidPlan},
	{"gofer with another backend", `"/models", "directfs": {"reason": "cannot-donate"}`, `"/models", "directfs": {"reason": "cannot-donate", "backend": "blob"}`, ErrInvalidPlan},
	{"gofer that can and cannot donate", `"mount": "/ro", "directfs": {"reason": "flag-on"}, "cache": {"reason": "hint-exclusive", "key": "dev.gvisor.spec.mount.ro.cache", "podWide": true}, "gofer": {"reason": "default-gofer"}, "sources": [{"path": "/src", "filesystem": "8:1", "within": "/srv/src", "device": 2049, "inode": 9223372036854775809}, {"path": "/src/sub"}]`, `"mount": "/ro", "directfs": {"reason": "flag-on"}, "cache": {"reason": "default-shared"}, "gofer": {"reason": "hint-gofer", "key": "k", "name": "blob/models"}, "outside": true`, ErrInvalidPlan},
	{"outside of the gofer, and a host directory", `"gofer": {"reason": "default-gofer"}, "readOnly": false}`, `"gofer": {"reason": "default-gofer"}, "outside": true, "readOnly": false}`, ErrInvalidPlan},
	{"outside of the gofer, and of no gofer", `{"mount": "/tmp", "directfs": {"reason": "not-gofer"}, "cache": {"reason": "default-shared"}, "gofer": {"reason": "default-gofer"}, `, `{"mount": "/tmp", "directfs": {"reason": "not-gofer"}, "cache": {"reason": "default-shared"}, "gofer": {"reason": "default-gofer"}, "outside": true, `, ErrInvalidPlan},
	{"one volume inside and outside of the gofer", `{"mount": "/blob", "directfs": {"reason": "cannot-donate", "backend": "blob"}, "cache": {"reason": "default-exclusive"}, "gofer": {"reason": "default-gofer"}, `, `{"mount": "/blob", "directfs": {"reason": "cannot-donate"}, "cache": {"reason": "default-exclusive"}, "gofer": {"reason": "hint-gofer", "key": "k", "name": "blob/models"}, `, ErrInvalidPlan},
	{"outside in words", `"outside": true`, `"outside": "yes"`, ErrInvalidPlan},
	{"no reason for the gofer", `, "gofer": {"reason": "default-gofer"}`, ``, ErrInvalidPlan},
	{"unmatched gofer that is a URL", `"setting": "blob/later"`, `"setting": "s3://later"`, ErrInvalidPlan},
	{"stray pod-wide", `"reason": "flag-on"`, `"reason": "flag-on", "podWide": true`, ErrInvalidPlan},
	{"cache reason without its key", `"key": "dev.gvisor.spec.mount.ro.cache", `, ``, ErrInvalidPlan},
	{"cache hint without a gofer", `"not-gofer"}, "cache": {"reason": "default-shared"}`, `"not-gofer"}, "cache": {"reason": "hint-shared", "key": "k"}`, ErrInvalidPlan},
	{"source without a gofer", `"not-gofer"}, "cache": {"reason": "default-shared"}`, `"not-gofer"}, "cache": {"reason": "default-shared"}, "sources": [{"path": "/x"}]`, ErrInvalidPlan},
	{"source without a path", `"path": "/src/sub"`, `"path": ""`, ErrInvalidPlan},
	{"read-only and special files", `"readOnly": true`, `"readOnly": true, "specialFiles": true`, ErrInvalidPlan},
	{"broken promise", `"reason": "hint-off", "key": "dev.gvisor.spec.mount.off.directfs", "podWide": true}`, `"reason": "hint-off", "key": "k"}, "sources": [{"path": "/src/x"}]`, ErrInvalidPlan},
	{"unknown driver", `"driver": "host"`, `"driver": "fuse"`, ErrInvalidPlan},
	{"driver of another kind of mount", `"driver": "host"`, `"driver": "sentry"`, ErrInvalidPlan},
	{"fallback without a reason", `"chosen": "fallback", "hostFails": "nested-upper"`, `"chosen": "fallback"`, ErrInvalidPlan},
	{"reason without a fallback", `"chosen": "fallback"`, `"chosen": "option"`, ErrInvalidPlan},
	{"unknown choice", `"chosen": "fallback"`, `"chosen": "random"`, ErrInvalidPlan},
	{"layers without an overlay", `"union": {"driver": "host", "chosen": "default", "source": "overlay", "options": ["index=off"], "warnings": ["it has a mount"]}, `, ``, ErrInvalidPlan},
	{"unknown layer", `"layer": "work"`, `"layer": "middle"`, ErrInvalidPlan},
	{"two upper layers", `"layer": "work"`, `"layer": "upper"`, ErrInvalidPlan},
	{"no lower layer", `"layer": "lower"}, {"path": "/u"`, `"layer": "data"}, {"path": "/u"`, ErrInvalidPlan},
	{"source that is no layer", `, "layer": "work"`, ``, ErrInvalidPlan},
	{"layer of a relative mount", `"of": "/sov"`, `"of": "sov"`, ErrInvalidPlan},
	{"exclusive upper layer", `"mount": "/s/u", "directfs": {"reason": "flag-on"}, "cache": {"reason": "default-shared"}`, `"mount": "/s/u", "directfs": {"reason": "flag-on"}, "cache": {"reason": "default-exclusive"}`, ErrInvalidPlan},
	{"work as a layer of the sentry", `"kind": "upper"`, `"kind": "work"`, ErrInvalidPlan},
	{"overlay option with a zero", `"index=off"`, `"index=\u0000"`, ErrInvalidPlan},
	{"unmatched unset", `"setting": "off"`, `"setting": ""`, ErrInvalidPlan},
	{"unmatched without a key", `"key": "dev.gvisor.spec.mount.never.directfs"`, `"key": ""`, ErrInvalidPlan},
}

func TestTamperedPlanIsRefused(t *testing.T) {
	for _, tt := range tampered {
		t.Run(tt.name, func(t *testing.T) {
			if !strings.Contains(mixedJSON, tt.old) {
				t.Fatalf("%s is not in the plan", tt.old)
			}
			old := mustResolve(t, Request{Container: Container{Flag: true}, Rootfs: hinted("/", StockGofer, Unset)})
			p := old
			// Not json.Unmarshal, which looks for errors of syntax first.
			err := p.UnmarshalJSON(tt.edited())
			if !errors.Is(err, tt.err) {
				t.Errorf("error %v, want %v", err, tt.err)
			}
			if errors.Is(err, ErrInvalidPlan) == errors.Is(err, ErrPlanVersion) {
				t.Errorf("error %v is not one of two", err)
			}
			if !reflect.DeepEqual(p, old) {
				t.Errorf("the plan changed to %+v", p)
			}
		})
	}
}

// spot is one value in a decoded JSON document.
type spot struct {
	path  string
	value any
	set   func(any)
}

// spotsOf lists every value of the document below v.
func spotsOf(v any, path string) []spot {
	var out []spot
	switch v := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			out = append(out, spot{path + "." + k, v[k], func(n any) { v[k] = n }})
			out = append(out, spotsOf(v[k], path+"."+k)...)
		}
	case []any:
		for i := range v {
			at := fmt.Sprintf("%s[%d]", path, i)
			out = append(out, spot{at, v[i], func(n any) { v[i] = n }})
			out = append(out, spotsOf(v[i], at)...)
		}
	}
	return out
}

// drawChange draws another value for the spot.
func drawChange(t *rapid.T, v any) any {
	switch v := v.(type) {
	case bool:
		return !v
	case float64:
		return v + rapid.SampledFrom([]float64{-1, 1, 0.5}).Draw(t, "by")
	case string:
		words := []string{"", v + "x", "directfs", "lisafs", "none", "spec", "new", "on", "off", "hint-on", "hint-off", "flag-on", "hint-exclusive", "default-shared", "exclusive", "all", "none", "narrow", "standalone", "pod-member", "pod-sandbox", "CAP_SYS_ADMIN", string(SentryHostFilesystem), string(GoferLisaFS), "/a", "/"}
		return rapid.SampledFrom(words).Draw(t, "word")
	case []any:
		return rapid.SampledFrom([]any{nil, append(slices.Clone(v), "/a"), append(slices.Clone(v), v...), slices.Clone(v[:len(v)/2])}).Draw(t, "list")
	case map[string]any:
		n := maps.Clone(v)
		if rapid.Bool().Draw(t, "add") {
			n["unknown"] = true
		} else {
			delete(n, rapid.SampledFrom(slices.Sorted(maps.Keys(n))).Draw(t, "key"))
		}
		return n
	}
	return "was null"
}

// Property 8, third part: after one change anywhere, a plan is refused or is
// one that some request leads to.
func propTampering(t *rapid.T) {
	p := mustResolve(t, drawRequest(t))
	var doc any
	if err := json.Unmarshal(encode(t, p), &doc); err != nil {
		t.Fatal(err)
	}
	at := rapid.SampledFrom(spotsOf(doc, "")).Draw(t, "spot")
	at.set(drawChange(t, at.value))
	edited, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	q := p
	if err := q.UnmarshalJSON(edited); err != nil {
		if !errors.Is(err, ErrInvalidPlan) && !errors.Is(err, ErrPlanVersion) || !reflect.DeepEqual(p, q) {
			t.Fatalf("%s: error %v, plan %+v", edited, err, q)
		}
		return
	}
	checkDecoded(t, q)
}
