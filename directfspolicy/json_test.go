package directfspolicy

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// mixed has one mount of every reason that --directfs=true allows.
var mixed = Request{
	Flag:  true,
	Scope: PodSandbox,
	Mounts: []Mount{
		hinted("/off", StockGofer, Off),
		hinted("/on", DonatingGofer, On),
		{Destination: "/blob", Backend: VirtualGofer, BackendName: "blob", Cache: CacheExclusive},
		{Destination: "/ro", Backend: StockGofer, ReadOnly: true, Source: "/src", CacheHints: []CacheHint{{cacheKeyOf("/ro"), AskExclusive}}},
		hinted("/tmp", NoGofer, Unset),
	},
	Unmatched: []Hint{{keyOf("/later"), On}, {keyOf("/never"), Off}},

	UnmatchedCache: []CacheHint{{cacheKeyOf("/later"), AskShared}},
}

const mixedJSON = `{
 "version": 2,
 "flag": true,
 "scope": "pod-sandbox",
 "hostNetwork": false,
 "decisions": [
  {"mount": "/", "access": "none", "reason": "not-gofer", "cache": "shared", "cacheReason": "default", "readOnly": false, "donated": false, "options": []},
  {"mount": "/off", "access": "lisafs", "reason": "hint-off", "detail": "dev.gvisor.spec.mount.off.directfs", "cache": "shared", "cacheReason": "default", "readOnly": false, "donated": false, "options": ["cache=shared"]},
  {"mount": "/on", "access": "directfs", "reason": "hint-on", "detail": "dev.gvisor.spec.mount.on.directfs", "cache": "shared", "cacheReason": "default", "readOnly": false, "donated": true, "options": ["directfs", "cache=shared"]},
  {"mount": "/blob", "access": "lisafs", "reason": "cannot-donate", "detail": "backend \"blob\"", "cache": "exclusive", "cacheReason": "default", "readOnly": false, "donated": false, "options": ["cache=exclusive"]},
  {"mount": "/ro", "access": "directfs", "reason": "flag-on", "cache": "exclusive", "cacheReason": "hint", "cacheDetail": "dev.gvisor.spec.mount.ro.cache", "source": "/src", "readOnly": true, "donated": true, "options": ["directfs", "cache=exclusive"]},
  {"mount": "/tmp", "access": "none", "reason": "not-gofer", "cache": "shared", "cacheReason": "default", "readOnly": false, "donated": false, "options": []}
 ],
 "unmatched": [
  {"key": "dev.gvisor.spec.mount.later.directfs", "setting": "on"},
  {"key": "dev.gvisor.spec.mount.never.directfs", "setting": "off"}
 ],
 "unmatchedCache": [
  {"key": "dev.gvisor.spec.mount.later.cache", "setting": "shared"}
 ],
 "sandbox": {
  "raised": true,
  "raisedFor": ["/on", "/ro", "containers that may join (--directfs=true)", "containers that may join (dev.gvisor.spec.mount.on.directfs=on)", "containers that may join (dev.gvisor.spec.mount.later.directfs=on)"],
  "writesHost": true,
  "capabilities": ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID"],
  "userNamespace": "spec",
  "umaskZero": true
 },
 "sentry": ["sentry-base", "sentry-host-filesystem"],
 "gofer": ["gofer-base", "gofer-directfs-fallback", "gofer-lisafs"],
 "donations": ["/on", "/ro"],
 "diagnostics": [
  "hint dev.gvisor.spec.mount.later.directfs=on matches no mount of this container",
  "hint dev.gvisor.spec.mount.never.directfs=off matches no mount of this container",
  "hint dev.gvisor.spec.mount.later.cache=shared matches no mount of this container",
  "mount \"/ro\" has an exclusive cache: the container sees late or never what anybody else writes there"
 ]
}`

// The form is stored by one process and read by another: a change of it needs
// a new PlanVersion.
func TestJSONForm(t *testing.T) {
	got, err := json.Marshal(mustResolve(t, mixed))
	if err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	if err := json.Compact(&want, []byte(mixedJSON)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want.Bytes()) {
		t.Errorf("got  %s\nwant %s", got, want.Bytes())
	}
	var p Plan
	if err := json.Unmarshal([]byte(mixedJSON), &p); err != nil || !reflect.DeepEqual(p, mustResolve(t, mixed)) {
		t.Errorf("decoded %+v, %v", p, err)
	}
}

// The zero Plan grants nothing, and stays so in storage.
func TestZeroPlan(t *testing.T) {
	var zero, p Plan
	if got, want := heldBy(zero), (held{}); !reflect.DeepEqual(got, want) {
		t.Errorf("the zero Plan grants %v", got)
	}
	b, err := json.Marshal(zero)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &p); err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	if got := heldBy(p).beyond(heldBy(Plan{Sentry: []SetName{SentryBase}})); len(got) > 0 {
		t.Errorf("the stored zero Plan grants %v", got)
	}
	for _, edit := range [][]string{
		{`"flag":false`, `"flag":true`},
		{`"scope":"standalone"`, `"scope":"pod-member"`},
		{`"hostNetwork":false`, `"hostNetwork":true`, `"userNamespace":"new"`, `"userNamespace":"spec"`},
	} {
		s := strings.NewReplacer(edit...).Replace(string(b))
		if err := p.UnmarshalJSON([]byte(s)); !errors.Is(err, ErrInvalidPlan) || !strings.Contains(err.Error(), "no decision for the rootfs") {
			t.Errorf("%s: error %v", s, err)
		}
	}
}

// A null or absent list is not the empty one: it was not written by
// MarshalJSON, and decoding it would give a plan unlike the one that was.
func TestMissingLists(t *testing.T) {
	b, err := json.Marshal(mustResolve(t, Request{}))
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range []string{"decisions", "unmatched", "unmatchedCache", "raisedFor", "capabilities", "sentry", "gofer", "donations", "diagnostics"} {
		var p Plan
		null := regexp.MustCompile(`"`+list+`":\[.*?\](,"|})`).ReplaceAll(b, []byte(`"`+list+`":null$1`))
		if err := p.UnmarshalJSON(null); !errors.Is(err, ErrInvalidPlan) || bytes.Equal(null, b) {
			t.Errorf("%s: error %v", null, err)
		}
	}
}
