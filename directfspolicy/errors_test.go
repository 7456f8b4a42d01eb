package directfspolicy

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

// refusals lists what Resolve says to people, word by word.
var refusals = []struct {
	name string
	req  Request
	err  error
	want string
}{
	{
		"unknown setting", Request{Mounts: []Mount{{Destination: "/data", Hints: []Hint{hint("k", "bogus")}}}}, ErrInvalidValue,
		`k="bogus" (mount "/data"): invalid value; allowed: on, true, off, false, default; use a Setting of this knob`,
	},
	{
		"unknown unmatched setting", Request{Container: Container{Scope: PodMember}, SourceHints: elsewhere(hint("k", "bogus"))}, ErrInvalidValue,
		`k="bogus": invalid value; allowed: on, true, off, false, default; use a Setting of this knob`,
	},
	{
		"conflict",
		Request{Mounts: []Mount{{Destination: "/data", Backend: StockGofer, Hints: []Hint{hint(keyOf("/data"), Off), hint("directfs", On)}}}}, ErrConflict,
		`directfs="on" (mount "/data"): contradicts another hint for the same mount; allowed: off; make it agree with dev.gvisor.spec.mount.data.directfs=off, or remove one of the two`,
	},
	{
		"names that a terminal would not show",
		Request{Mounts: []Mount{{Destination: "/d", Backend: StockGofer, Hints: []Hint{hint("k\x1b[2J", Off), hint("l\n", On)}}}}, ErrConflict,
		`l\n="on" (mount "/d"): contradicts another hint for the same mount; allowed: off; make it agree with k\x1b[2J=off, or remove one of the two`,
	},
	{
		"conflict of the rootfs",
		Request{Rootfs: Mount{Hints: []Hint{hint("k", Default), hint("l", Off)}, Destination: "/"}}, ErrConflict,
		`l="off" (mount "/"): contradicts another hint for the same mount; allowed: default; make it agree with k=default, or remove one of the two`,
	},
	{
		"conflict of the unnamed rootfs",
		Request{Rootfs: Mount{Hints: []Hint{hint("k", Default), hint("l", Off)}}}, ErrConflict,
		`l="off" (mount "/"): contradicts another hint for the same mount; allowed: default; make it agree with k=default, or remove one of the two`,
	},
	{
		"cannot donate", Request{Container: Container{Flag: true}, Mounts: []Mount{hinted("/data", VirtualGofer, On)}}, ErrCannotDonate,
		`dev.gvisor.spec.mount.data.directfs="on" (mount "/data"): backend cannot donate a root FD; allowed: off, false, default; remove the hint: virtual gofer serves this mount over LisaFS only`,
	},
	{
		"named backend cannot donate", Request{Mounts: []Mount{{Destination: "/data", Backend: VirtualGofer, BackendName: "blob", Hints: []Hint{hint("directfs", On)}}}}, ErrCannotDonate,
		`directfs="on" (mount "/data"): backend cannot donate a root FD; allowed: off, false, default; remove the hint: backend "blob" serves this mount over LisaFS only`,
	},
	{
		"no gofer", Request{Mounts: []Mount{hinted("/tmp", NoGofer, On)}}, ErrNotGoferMount,
		`dev.gvisor.spec.mount.tmp.directfs="on" (mount "/tmp"): not a gofer mount; allowed: off, false, default; remove the hint: the mount lives in the sandbox and has no host directory`,
	},
	{
		"no mount", Request{SourceHints: elsewhere(Hint{}, hint(keyOf("/data"), Off))}, ErrNoMount,
		`dev.gvisor.spec.mount.data.directfs="off": hint matches no mount of this container; make its source the source of a mount or a directory above that, or remove the hint`,
	},
	{"scope", Request{Container: Container{Scope: 3}}, ErrInvalidRequest, `invalid request: unknown scope 3, all`},
	{"rootfs", Request{Rootfs: Mount{Destination: "/data"}}, ErrInvalidRequest, `invalid request: rootfs destination "/data" is not /`},
	{
		"destination", Request{Mounts: []Mount{{Destination: "data"}}}, ErrInvalidRequest,
		`invalid request: mount destination "data" is not an absolute, cleaned path in UTF-8`,
	},
	{
		"backend", Request{Mounts: []Mount{{Destination: "/data", Backend: 4}}}, ErrInvalidRequest,
		`invalid request: mount "/data": unknown backend, shared, read-only=false, special files=false`,
	},
	{
		"cache", Request{Mounts: []Mount{{Destination: "/data", Cache: 2}}}, ErrInvalidRequest,
		`invalid request: mount "/data": no gofer, unknown cache mode 2, read-only=false, special files=false`,
	},
	{
		"key", Request{Rootfs: Mount{Hints: []Hint{hint("", On)}}}, ErrInvalidRequest,
		`invalid request: the key of hint "=on" is empty or not in UTF-8`,
	},
	{
		"clash of access", Request{Mounts: []Mount{hinted("/data", StockGofer, On), hinted("/data", StockGofer, Off)}}, ErrInvalidRequest,
		`invalid request: two mounts at "/data" have different decisions (directfs cache=shared and lisafs cache=shared); give them the same hint or remove one`,
	},
	{
		"clash with the rootfs", Request{Rootfs: Mount{Backend: StockGofer, Hints: []Hint{hint("r", Off)}}, Mounts: []Mount{hinted("/", StockGofer, On)}}, ErrInvalidRequest,
		`invalid request: two mounts at "/" have different decisions (lisafs cache=shared and directfs cache=shared); give them the same hint or remove one`,
	},
	{
		"clash of cache", Request{Mounts: []Mount{{Destination: "/data", Backend: StockGofer}, {Destination: "/data", Backend: StockGofer, Cache: CacheExclusive}}}, ErrInvalidRequest,
		`invalid request: two mounts at "/data" have different decisions (lisafs cache=shared and lisafs cache=exclusive); give them the same hint or remove one`,
	},
}

func TestRefusals(t *testing.T) {
	for _, tt := range refusals {
		t.Run(tt.name, func(t *testing.T) {
			p, err := Resolve(tt.req)
			if !errors.Is(err, tt.err) {
				t.Fatalf("error %v, want %v", err, tt.err)
			}
			if err.Error() != tt.want {
				t.Errorf("got  %s\nwant %s", err, tt.want)
			}
			if !reflect.DeepEqual(p, Plan{}) {
				t.Errorf("plan %+v with an error", p)
			}
			// What a user can fix is a *HintError, with the key to change.
			e, ok := errors.AsType[*HintError](err)
			if ok == (tt.err == ErrInvalidRequest) || ok && (e.Err != tt.err || e.Key == "" || e.Value == "" || e.Fix == "") {
				t.Errorf("error %#v", err)
			}
		})
	}
}

func TestParseHintRefusal(t *testing.T) {
	for value, want := range map[string]string{
		"":    `k="" (mount "/data"): invalid value; allowed: on, true, off, false, default; write one of the allowed values or remove the key`,
		"Off": `k="Off" (mount "/data"): invalid value; allowed: on, true, off, false, default; write one of the allowed values or remove the key`,
		"of":  `k="of" (mount "/data"): invalid value; allowed: on, true, off, false, default; write one of the allowed values or remove the key`,
		"1\n": `k="1\n" (mount "/data"): invalid value; allowed: on, true, off, false, default; write one of the allowed values or remove the key`,
	} {
		h, err := ParseHint(DirectFSKnob, "k", value, "/data")
		e, ok := errors.AsType[*HintError](err)
		if !ok || !errors.Is(err, ErrInvalidValue) || e.Key != "k" || e.Value != value || e.Mount != "/data" || h != (Hint{}) {
			t.Fatalf("%q: %+v, %#v", value, h, err)
		}
		if err.Error() != want {
			t.Errorf("got  %s\nwant %s", err, want)
		}
	}
}

// Every sentinel keeps its identity and its words inside both error types,
// those that only this package's callers use included.
func TestSentinels(t *testing.T) {
	sentinels := map[error]string{
		ErrInvalidValue:     "invalid value",
		ErrConflict:         "contradicts another hint for the same mount",
		ErrNoMount:          "hint matches no mount of this container",
		ErrCannotDonate:     "backend cannot donate a root FD",
		ErrNotGoferMount:    "not a gofer mount",
		ErrCeiling:          "not permitted by --directfs-hints",
		ErrOverlay:          "an overlay over the mount does not look for changes below it",
		ErrNotExclusive:     "another mount changes the same files",
		ErrSandboxNotRaised: "sandbox was started without directfs privileges",
		ErrInvalidRequest:   "invalid request",
		ErrPlanVersion:      "unsupported plan version",
		ErrInvalidPlan:      "invalid plan",
	}
	for sentinel, words := range sentinels {
		for err, want := range map[error]string{
			sentinel:                            words,
			&HintError{Key: "k", Err: sentinel}: `k="": ` + words,
			&HintError{Key: "k", Value: "v", Mount: "/m", Fix: "f", Err: sentinel}:                 `k="v" (mount "/m"): ` + words + `; f`,
			&HintError{Key: "k", Value: "v", Allowed: []string{"a", "b"}, Fix: "f", Err: sentinel}: `k="v": ` + words + `; allowed: a, b; f`,
		} {
			if err.Error() != want {
				t.Errorf("got  %s\nwant %s", err, want)
			}
			for other := range sentinels {
				if errors.Is(err, other) != (other == sentinel) {
					t.Errorf("%v is %v: %t", err, other, errors.Is(err, other))
				}
			}
		}
	}
}

func TestPlanErrors(t *testing.T) {
	const (
		root  = `{"mount":"/","directfs":{"reason":"flag-off"},"cache":{"reason":"default-shared"},"gofer":{"reason":"default-gofer"}}`
		start = `{"version":5,"hints":"all","scope":"standalone",`
		end   = "; delete the container and create it again"
	)
	for in, want := range map[string]string{
		`{}`:                   "unsupported plan version: no version" + end,
		`{"version":1}`:        "unsupported plan version: 1, where 2 to 5 can be read" + end,
		`{"version":6}`:        "unsupported plan version: 6, where 2 to 5 can be read" + end,
		`null`:                 "unsupported plan version: no version" + end,
		`[]`:                   "invalid plan: json: cannot unmarshal array into Go value of type struct { Version *int \"json:\\\"version\\\"\" }",
		`{"version":5,"x":1}`:  `invalid plan: json: unknown field "x"` + end,
		`{"version":5}`:        `invalid plan: unknown --directfs-hints "", want all, narrow, none` + end,
		start + `"flag":true}`: "invalid plan: no decision for the rootfs" + end,
		start + `"decisions":[` + strings.Replace(root, "/", "/a", 1) + `]}`:                             `invalid plan: the first decision is for "/a", not for the rootfs` + end,
		start + `"decisions":[` + strings.Replace(root, "/", "a", 1) + `]}`:                              `invalid plan: invalid request: mount destination "a" is not an absolute, cleaned path in UTF-8` + end,
		start + `"decisions":[` + strings.Replace(root, `"flag-off"`, `"flag-on"`, 1) + `]}`:             `invalid plan: mount "/": directfs cannot have the reason flag-on with key "", backend "" and --directfs=false` + end,
		start + `"decisions":[` + strings.Replace(root, `default-shared`, `flag-off`, 1) + `]}`:          `invalid plan: mount "/": cache cannot have the reason flag-off with key "", backend "" and --directfs=false` + end,
		start + `"decisions":[` + root + `],"unmatched":[{"knob":"directfs","key":"k","setting":"on"}]}`: `invalid plan: k="on": hint matches no mount of this container; make its source the source of a mount or a directory above that, or remove the hint` + end,
		start + `"decisions":[` + root + `],"unmatched":[{"knob":"directfs","key":"k"}]}`:                `invalid plan: the unmatched hint "k" says nothing` + end,
		`{"version":2}`: `invalid plan: unknown scope "", want standalone, pod-sandbox, pod-member` + end,
	} {
		var p Plan
		err := p.UnmarshalJSON([]byte(in))
		if err == nil || err.Error() != want {
			t.Errorf("%s\ngot  %v\nwant %s", in, err, want)
		}
		if !reflect.DeepEqual(p, Plan{}) {
			t.Errorf("%s: plan %+v with an error", in, p)
		}
	}
}

// A mount at "/" hides the rootfs, so that only one of them is there to have a
// cache mode. That of another mount must still be the same.
func TestMountOverTheRootfs(t *testing.T) {
	root := Mount{Backend: StockGofer, Cache: CacheExclusive}
	over := Mount{Destination: "/", Backend: StockGofer}
	p, err := Resolve(Request{Container: Container{Flag: true}, Rootfs: root, Mounts: []Mount{over, over}})
	if err != nil {
		t.Fatal(err)
	}
	if d, ok := decisionAt(p, "/"); !ok || d.Cache != CacheExclusive {
		t.Errorf("the rootfs has %+v", d)
	}
	other := over
	other.Cache = CacheExclusive
	if _, err := Resolve(Request{Container: Container{Flag: true}, Rootfs: root, Mounts: []Mount{over, other}}); err == nil {
		t.Error("two mounts with different cache modes are accepted")
	}
}
