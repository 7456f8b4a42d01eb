package directfspolicy

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
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
	{"no version", `"version": 2,`, ``, ErrPlanVersion},
	{"null version", `"version": 2,`, `"version": null,`, ErrPlanVersion},
	{"version 0", `"version": 2,`, `"version": 0,`, ErrPlanVersion},
	{"version 1", `"version": 2,`, `"version": 1,`, ErrPlanVersion},
	{"second version", `"flag": true,`, `"flag": true, "version": 1,`, ErrPlanVersion},
	{"version is no number", `"version": 2,`, `"version": "2",`, ErrInvalidPlan},
	{"not JSON", `"version": 2,`, `"version" 2,`, ErrInvalidPlan},
	{"trailing data", "]\n}", "]\n}{}", ErrInvalidPlan},
	{"unknown field", `"flag": true,`, `"flag": true, "flags": true,`, ErrInvalidPlan},
	{"unknown field of a decision", `"mount": "/on",`, `"mount": "/on", "extra": 1,`, ErrInvalidPlan},
	{"unknown field of the sandbox", `"raised": true,`, `"raised": true, "extra": 1,`, ErrInvalidPlan},
	{"unknown field of a hint", `"setting": "on"`, `"setting": "on", "extra": 1`, ErrInvalidPlan},
	{"unknown scope", `"pod-sandbox"`, `"pod"`, ErrInvalidPlan},
	{"unknown access", `"directfs", "reason"`, `"DirectFS", "reason"`, ErrInvalidPlan},
	{"unknown reason", `"hint-off"`, `"hint"`, ErrInvalidPlan},
	{"unknown cache mode", `"cache": "exclusive"`, `"cache": "exclusiv"`, ErrInvalidPlan},
	{"unknown user namespace", `"userNamespace": "spec"`, `"userNamespace": "host"`, ErrInvalidPlan},
	{"unknown setting", `"setting": "off"`, `"setting": "false"`, ErrInvalidPlan},
	{"unknown set", `"sentry-base", `, `"sentry-base", "all", `, ErrInvalidPlan},

	{"flag", `"flag": true`, `"flag": false`, ErrInvalidPlan},
	{"scope", `"pod-sandbox"`, `"pod-member"`, ErrInvalidPlan},
	{"scope alone", `"pod-sandbox"`, `"standalone"`, ErrInvalidPlan},
	{"mount", `"mount": "/on"`, `"mount": "/secret"`, ErrInvalidPlan},
	{"relative mount", `"mount": "/tmp"`, `"mount": "tmp"`, ErrInvalidPlan},
	{"unclean mount", `"mount": "/tmp"`, `"mount": "/tmp/"`, ErrInvalidPlan},
	{"no rootfs", `"mount": "/",`, `"mount": "/x",`, ErrInvalidPlan},
	{"clash", `"mount": "/blob"`, `"mount": "/off"`, ErrInvalidPlan},
	{"access of an off mount", `"access": "lisafs", "reason": "hint-off"`, `"access": "directfs", "reason": "hint-off"`, ErrInvalidPlan},
	{"access and reason", `"access": "lisafs", "reason": "hint-off"`, `"access": "directfs", "reason": "hint-on"`, ErrInvalidPlan},
	{"reason that the flag excludes", `"reason": "hint-off", "detail": "dev.gvisor.spec.mount.off.directfs"`, `"reason": "flag-off"`, ErrInvalidPlan},
	{"reason of the other access", `"reason": "hint-on"`, `"reason": "hint-off"`, ErrInvalidPlan},
	{"reason with a stray detail", `"reason": "hint-on"`, `"reason": "flag-on"`, ErrInvalidPlan},
	{"reason without its detail", `"detail": "dev.gvisor.spec.mount.on.directfs", `, ``, ErrInvalidPlan},
	{"cache", `"cache": "exclusive"`, `"cache": "shared"`, ErrInvalidPlan},
	{"unknown cache reason", `"cacheReason": "hint"`, `"cacheReason": "flag"`, ErrInvalidPlan},
	{"cache reason without its detail", `"cacheDetail": "dev.gvisor.spec.mount.ro.cache", `, ``, ErrInvalidPlan},
	{"cache reason with a stray detail", `"cacheReason": "hint"`, `"cacheReason": "default"`, ErrInvalidPlan},
	{"cache hint without a gofer", `"reason": "not-gofer", "cache": "shared", "cacheReason": "default"`, `"reason": "not-gofer", "cache": "shared", "cacheReason": "hint", "cacheDetail": "k"`, ErrInvalidPlan},
	{"cache by hint", `"cache": "exclusive", "cacheReason": "hint"`, `"cache": "shared", "cacheReason": "hint"`, ErrInvalidPlan},
	{"broken promise", `"reason": "hint-off",`, `"reason": "hint-off", "source": "/src/x",`, ErrInvalidPlan},
	{"unmatched cache unset", `"setting": "shared"`, `"setting": "unset"`, ErrInvalidPlan},
	{"unmatched cache", `"setting": "shared"`, `"setting": "exclusive"`, ErrInvalidPlan},
	{"donated", `"donated": true`, `"donated": false`, ErrInvalidPlan},
	{"donated off mount", `"donated": false, "options": ["cache=shared"]`, `"donated": true, "options": ["cache=shared"]`, ErrInvalidPlan},
	{"option removed", `["directfs", "cache=shared"]`, `["cache=shared"]`, ErrInvalidPlan},
	{"option added", `"donated": false, "options": ["cache=shared"]`, `"donated": false, "options": ["directfs", "cache=shared"]`, ErrInvalidPlan},
	{"options null", `"options": []`, `"options": null`, ErrInvalidPlan},
	{"unmatched turned off", `"setting": "on"`, `"setting": "off"`, ErrInvalidPlan},
	{"unmatched unset", `"setting": "off"`, `"setting": "unset"`, ErrInvalidPlan},
	{"unmatched without a key", `"key": "dev.gvisor.spec.mount.never.directfs"`, `"key": ""`, ErrInvalidPlan},
	{"raised", `"raised": true`, `"raised": false`, ErrInvalidPlan},
	{"raised for more", `"/ro", "cont`, `"/ro", "/off", "cont`, ErrInvalidPlan},
	{"writes", `"writesHost": true`, `"writesHost": false`, ErrInvalidPlan},
	{"capability added", `"CAP_FSETID"`, `"CAP_FSETID", "CAP_SYS_ADMIN"`, ErrInvalidPlan},
	{"capability removed", `"CAP_CHOWN", `, ``, ErrInvalidPlan},
	{"user namespace", `"userNamespace": "spec"`, `"userNamespace": "new"`, ErrInvalidPlan},
	{"umask", `"umaskZero": true`, `"umaskZero": false`, ErrInvalidPlan},
	{"sentry set replaced", `"sentry-host-filesystem"`, `"sentry-host-filesystem-read"`, ErrInvalidPlan},
	{"sentry set removed", `, "sentry-host-filesystem"`, ``, ErrInvalidPlan},
	{"gofer set added", `"gofer-base", `, `"gofer-base", "sentry-base", `, ErrInvalidPlan},
	{"gofer set removed", `, "gofer-lisafs"`, ``, ErrInvalidPlan},
	{"donation added", `"donations": ["/on", `, `"donations": ["/on", "/off", `, ErrInvalidPlan},
	{"donation removed", `"donations": ["/on", "/ro"]`, `"donations": ["/on"]`, ErrInvalidPlan},
	{"remark", `never.directfs=off matches`, `never.directfs=on matches`, ErrInvalidPlan},
}

func TestTamperedPlanIsRefused(t *testing.T) {
	for _, tt := range tampered {
		t.Run(tt.name, func(t *testing.T) {
			if !strings.Contains(mixedJSON, tt.old) {
				t.Fatalf("%s is not in the plan", tt.old)
			}
			old := mustResolve(t, Request{Flag: true, Rootfs: hinted("/", StockGofer, Unset)})
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
		words := []string{"", v + "x", "directfs", "lisafs", "none", "spec", "new", "on", "off", "hint-on", "hint-off", "flag-on", "exclusive", "standalone", "pod-member", "pod-sandbox", "CAP_SYS_ADMIN", string(SentryHostFilesystem), string(GoferLisaFS), "/a", "/"}
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

// derived matches what follows from the other fields.
var derived = regexp.MustCompile(`^\.(sandbox|sentry|gofer|donations|diagnostics)|^\.decisions\[\d+\]\.(access|donated|options)`)

// Property 8, third part: after one change anywhere, a plan is refused or is
// one that some request leads to, and no change of a derived field is accepted.
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
	if derived.MatchString(at.path) && !reflect.DeepEqual(p, q) {
		t.Fatalf("a change at %s was accepted: %s", at.path, edited)
	}
	checkDecoded(t, q)
}
