package directfspolicy

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// mixed has one mount of every reason that --directfs=true allows.
var mixed = Request{
	Container: Container{Flag: true, Ceiling: NarrowHints, Scope: PodSandbox, HostDevices: true},
	Mounts: []Mount{
		hinted("/off", StockGofer, Off),
		hinted("/on", DonatingGofer, On),
		{Destination: "/blob", Backend: VirtualGofer, BackendName: "blob", Cache: CacheExclusive, SpecialFiles: true},
		{Destination: "/ro", Backend: StockGofer, ReadOnly: true, Hints: []Hint{cached(cacheKeyOf("/ro"), Exclusive)}, Sources: []Source{
			{Path: "/src", Filesystem: "8:1", Within: "/srv/src", Device: 2049, Inode: 1<<63 + 1}, {Path: "/src/sub"},
		}},
		{Destination: "/models", Backend: StockGofer, ReadOnly: true, Hints: []Hint{gofer(goferKeyOf("/models"), "blob/models")}, Sources: src("/ignored")},
		hinted("/tmp", NoGofer, Unset),
		{Destination: "/ov", Backend: StockGofer, Union: &Union{Source: "overlay", Options: []string{"index=off"}, Warnings: []string{"it has a mount"}}, Sources: []Source{
			{Path: "/l", Layer: LowerLayer}, {Path: "/u", Inode: 7, Layer: UpperLayer}, {Path: "/w", Layer: WorkLayer},
		}},
		{Destination: "/sov", Union: &Union{Driver: SentryUnion, Chosen: ChosenAsFallback, HostFails: "nested-upper"}},
		{Destination: "/s/l", Backend: StockGofer, ReadOnly: true, Sources: src("/sl"), Layer: &Layer{"/sov", LowerLayer}},
		{Destination: "/s/u", Backend: StockGofer, Sources: src("/su"), Layer: &Layer{"/sov", UpperLayer}},
	},
	SourceHints: elsewhere(hint(keyOf("/later"), On), hint(keyOf("/never"), Off), cached(cacheKeyOf("/later"), Shared), gofer(goferKeyOf("/later"), "blob/later")),
	Backends:    []string{"blob"},
	Gofers:      map[GoferName]Gofer{{"blob", "models"}: {ReadOnly: true, Outside: true}},
}

const mixedJSON = `{
 "version": 5,
 "flag": true,
 "hints": "narrow",
 "scope": "pod-sandbox",
 "hostNetwork": false,
 "hostDevices": true,
 "decisions": [
  {"mount": "/", "directfs": {"reason": "not-gofer"}, "cache": {"reason": "default-shared"}, "gofer": {"reason": "default-gofer"}, "readOnly": false},
  {"mount": "/off", "directfs": {"reason": "hint-off", "key": "dev.gvisor.spec.mount.off.directfs", "podWide": true}, "cache": {"reason": "default-shared"}, "gofer": {"reason": "default-gofer"}, "readOnly": false},
  {"mount": "/on", "directfs": {"reason": "hint-on", "key": "dev.gvisor.spec.mount.on.directfs", "podWide": true}, "cache": {"reason": "default-shared"}, "gofer": {"reason": "default-gofer"}, "readOnly": false},
  {"mount": "/blob", "directfs": {"reason": "cannot-donate", "backend": "blob"}, "cache": {"reason": "default-exclusive"}, "gofer": {"reason": "default-gofer"}, "readOnly": false, "specialFiles": true},
  {"mount": "/ro", "directfs": {"reason": "flag-on"}, "cache": {"reason": "hint-exclusive", "key": "dev.gvisor.spec.mount.ro.cache", "podWide": true}, "gofer": {"reason": "default-gofer"}, "sources": [{"path": "/src", "filesystem": "8:1", "within": "/srv/src", "device": 2049, "inode": 9223372036854775809}, {"path": "/src/sub"}], "readOnly": true},
  {"mount": "/models", "directfs": {"reason": "cannot-donate"}, "cache": {"reason": "default-shared"}, "gofer": {"reason": "hint-gofer", "key": "dev.gvisor.spec.mount.models.gofer", "podWide": true, "name": "blob/models"}, "outside": true, "readOnly": true},
  {"mount": "/tmp", "directfs": {"reason": "not-gofer"}, "cache": {"reason": "default-shared"}, "gofer": {"reason": "default-gofer"}, "readOnly": false},
  {"mount": "/ov", "directfs": {"reason": "flag-on"}, "cache": {"reason": "default-shared"}, "gofer": {"reason": "default-gofer"}, "sources": [{"path": "/l", "layer": "lower"}, {"path": "/u", "inode": 7, "layer": "upper"}, {"path": "/w", "layer": "work"}], "union": {"driver": "host", "chosen": "default", "source": "overlay", "options": ["index=off"], "warnings": ["it has a mount"]}, "readOnly": false},
  {"mount": "/sov", "directfs": {"reason": "not-gofer"}, "cache": {"reason": "default-shared"}, "gofer": {"reason": "default-gofer"}, "union": {"driver": "sentry", "chosen": "fallback", "hostFails": "nested-upper"}, "readOnly": false},
  {"mount": "/s/l", "directfs": {"reason": "flag-on"}, "cache": {"reason": "default-shared"}, "gofer": {"reason": "default-gofer"}, "sources": [{"path": "/sl"}], "layerOf": {"of": "/sov", "kind": "lower"}, "readOnly": true},
  {"mount": "/s/u", "directfs": {"reason": "flag-on"}, "cache": {"reason": "default-shared"}, "gofer": {"reason": "default-gofer"}, "sources": [{"path": "/su"}], "layerOf": {"of": "/sov", "kind": "upper"}, "readOnly": false}
 ],
 "unmatched": [
  {"knob": "directfs", "key": "dev.gvisor.spec.mount.later.directfs", "setting": "on", "podWide": true},
  {"knob": "directfs", "key": "dev.gvisor.spec.mount.never.directfs", "setting": "off", "podWide": true},
  {"knob": "cache", "key": "dev.gvisor.spec.mount.later.cache", "setting": "shared", "podWide": true},
  {"knob": "gofer", "key": "dev.gvisor.spec.mount.later.gofer", "setting": "blob/later", "podWide": true}
 ]
}`

// The form is stored by one process and read by another: a change of it needs
// a new planVersion.
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
	base := held{}
	for _, c := range callsOf(SentryBase).Names() {
		base["call "+c] = true
	}
	if got := heldBy(zero); !reflect.DeepEqual(got, base) {
		t.Errorf("the zero Plan grants %v", got.beyond(base))
	}
	b, err := json.Marshal(zero)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &p); err != nil || !reflect.DeepEqual(p, zero) {
		t.Fatalf("%s: %+v, %v", b, p, err)
	}
	for _, edit := range [][]string{
		{`"flag":false`, `"flag":true`},
		{`"hints":"all"`, `"hints":"none"`},
		{`"scope":"standalone"`, `"scope":"pod-member"`},
		{`"hostNetwork":false`, `"hostNetwork":true`},
		{`"hostDevices":false`, `"hostDevices":true`},
	} {
		s := strings.NewReplacer(edit...).Replace(string(b))
		if err := p.UnmarshalJSON([]byte(s)); !errors.Is(err, ErrInvalidPlan) || !strings.Contains(err.Error(), "no decision for the rootfs") {
			t.Errorf("%s: error %v", s, err)
		}
	}
}

// A list that is empty, null or absent is one and the same.
func TestEmptyLists(t *testing.T) {
	const root = `{"version":5,"flag":false,"hints":"all","scope":"standalone","hostNetwork":false,"hostDevices":false,"decisions":[{"mount":"/","directfs":{"reason":"flag-off"},"cache":{"reason":"default-shared"},"gofer":{"reason":"default-gofer"},"readOnly":false}]}`
	want := mustResolve(t, Request{Rootfs: Mount{Backend: StockGofer, Sources: []Source{}}})
	for _, list := range []string{"", `,"sources":[]`, `,"sources":null`} {
		for _, unmatched := range []string{"", `,"unmatched":[]`, `,"unmatched":null`} {
			in := strings.Replace(root, `"readOnly":false}]}`, `"readOnly":false`+list+`}]`+unmatched+`}`, 1)
			var p Plan
			if err := json.Unmarshal([]byte(in), &p); err != nil || !reflect.DeepEqual(p, want) {
				t.Errorf("%s: %+v, %v", in, p, err)
			}
		}
	}
}

// golden returns the plans that a version wrote, by name.
func golden(t testing.TB, version string) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "plans", version, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no plans of version %s: %v", version, err)
	}
	plans := map[string][]byte{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		plans[strings.TrimSuffix(filepath.Base(f), ".json")] = b
	}
	return plans
}

// Every plan that a released version stored can be read, and is the one that
// today's form of it says.
func TestStoredPlansOfEveryVersion(t *testing.T) {
	today := golden(t, "v5")
	for _, version := range []string{"v2", "v3", "v4"} {
		for name, b := range golden(t, version) {
			var old, now Plan
			if err := json.Unmarshal(b, &old); err != nil {
				t.Errorf("%s of %s: %v", name, version, err)
				continue
			}
			if err := json.Unmarshal(today[name], &now); err != nil {
				t.Errorf("%s of v5: %v", name, err)
				continue
			}
			if !reflect.DeepEqual(old, now) {
				t.Errorf("%s: %s is %+v, v5 is %+v", name, version, old, now)
			}
			checkDecoded(t, old)
		}
	}
	for name, b := range today {
		var p Plan
		if err := json.Unmarshal(b, &p); err != nil {
			t.Errorf("%s of v5: %v", name, err)
			continue
		}
		checkDecoded(t, p)
		var want bytes.Buffer
		if err := json.Compact(&want, b); err != nil {
			t.Fatal(err)
		}
		if got := encode(t, p); !bytes.Equal(got, want.Bytes()) {
			t.Errorf("%s is written as %s\nwant %s", name, got, want.Bytes())
		}
	}
}

// A plan of version 2 had what follows from its decisions beside them. Where
// the two contradict each other, it was tampered with.
func TestTamperedVersion2IsRefused(t *testing.T) {
	b := golden(t, "v2")["pod-sandbox"]
	for name, edit := range map[string][2]string{
		"access":         {`"access": "lisafs"`, `"access": "directfs"`},
		"reason":         {`"reason": "hint-off"`, `"reason": "hint-on"`},
		"donated":        {`"donated": true`, `"donated": false`},
		"option":         {`"cache=shared"`, `"cache=exclusive"`},
		"raised":         {`"raised": true`, `"raised": false`},
		"raised for":     {"(dev.gvisor.spec.mount.db.directfs=on)", "(dev.gvisor.spec.mount.logs.directfs=on)"},
		"writes":         {`"writesHost": true`, `"writesHost": false`},
		"capability":     {`"CAP_CHOWN"`, `"CAP_SYS_ADMIN"`},
		"user namespace": {`"userNamespace": "spec"`, `"userNamespace": "new"`},
		"umask":          {`"umaskZero": true`, `"umaskZero": false`},
		"sentry set":     {`"sentry-host-filesystem"`, `"sentry-host-filesystem-read"`},
		"gofer set":      {`"gofer-lisafs"`, `"gofer-lisafs-read"`},
		"donation":       {"\"donations\": [\n    \"/shared\"", "\"donations\": [\n    \"/\""},
		"unknown field":  {`"flag"`, `"flags"`},
		"hint turned":    {`"setting": "on"`, `"setting": "off"`},
		"unknown cache":  {`"cacheReason": "default"`, `"cacheReason": "flag"`},
	} {
		edited := bytes.Replace(b, []byte(edit[0]), []byte(edit[1]), 1)
		var p Plan
		if err := p.UnmarshalJSON(edited); bytes.Equal(edited, b) || !errors.Is(err, ErrInvalidPlan) || !reflect.DeepEqual(p, Plan{}) {
			t.Errorf("%s: plan %+v, error %v", name, p, err)
		}
	}
	// A sandbox that is not raised is in a new user namespace, and in no third.
	for word, ok := range map[string]bool{"new": true, "spec": false, "other": false} {
		edited := bytes.Replace(golden(t, "v2")["standalone-off"], []byte(`"hostNetwork": true`), []byte(`"hostNetwork": false`), 1)
		edited = bytes.Replace(edited, []byte(`"userNamespace": "spec"`), []byte(`"userNamespace": "`+word+`"`), 1)
		if err := new(Plan).UnmarshalJSON(edited); ok != (err == nil) || !ok && !errors.Is(err, ErrInvalidPlan) {
			t.Errorf("user namespace %q: %v", word, err)
		}
	}
	// What was prose may say anything.
	reworded := bytes.Replace(b, []byte("matches no mount of this container"), []byte("is in vain"), 1)
	if err := new(Plan).UnmarshalJSON(reworded); err != nil || bytes.Equal(reworded, b) {
		t.Errorf("reworded diagnostics: %v", err)
	}
}

// Hints of two knobs, which version 2 kept apart, are in one order.
func TestUnmatchedOfVersion2HasAnOrder(t *testing.T) {
	b := golden(t, "v2")["pod-sandbox"]
	for range 20 {
		var knobs []Knob
		var p Plan
		if err := p.UnmarshalJSON(b); err != nil {
			t.Fatal(err)
		}
		for _, h := range p.Unmatched() {
			knobs = append(knobs, h.Knob)
		}
		if !slices.Equal(knobs, []Knob{DirectFSKnob, DirectFSKnob, CacheKnob}) {
			t.Fatalf("%v", knobs)
		}
	}
}
