package directfspolicy

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestGoferNames(t *testing.T) {
	long := strings.Repeat("a", 255)
	for value, want := range map[string]GoferName{
		"blob/models":               {"blob", "models"},
		"0/V":                       {"0", "V"},
		"az09/azAZ09":               {"az09", "azAZ09"},
		"9/a":                       {"9", "a"},
		"a.b_c-d/.hidden":           {"a.b_c-d", ".hidden"},
		"blob/...":                  {"blob", "..."},
		long[:63] + "/" + long:      {long[:63], long},
		"blob/-":                    {"blob", "-"},
		"blob/Models_2024.05-final": {"blob", "Models_2024.05-final"},

		"": {}, "/": {}, "blob": {}, "blob/": {}, "/models": {}, "/run/blob.sock": {}, "blob/models/a": {}, "blob//models": {},
		"blob/.": {}, "blob/..": {}, "../models": {}, "./models": {}, ".blob/models": {}, "_b/m": {}, "-b/m": {},
		"Blob/models": {}, "A/models": {}, "Z/models": {}, "`/m": {}, "{/m": {}, "b/@": {}, "b/[": {}, "b/:": {}, "s3://models": {}, "unix:/run": {}, "unix:blob/models": {}, "blob/models?x=1": {}, "blob/a b": {}, " blob/models": {},
		"blob/models ": {}, "blob/mod\x00els": {}, "blob/mödels": {}, "blöb/models": {}, "blob\\models": {}, "blob/a,b": {}, "blob/a=b": {}, "blob/%2e%2e": {},
		long[:64] + "/m": {}, "b/" + long + "a": {}, "blob/\xff": {}, "on": {}, "off": {}, "Default": {}, "<BACKEND>/<VOLUME>": {},
	} {
		h, err := ParseHint(GoferKnob, "k", value, "/m")
		name, named := h.GoferName()
		if name != want || named != (want != GoferName{}) || named && name.String() != value {
			t.Errorf("%q: %+v", value, name)
		}
		if named != (err == nil) || err != nil && (!errors.Is(err, ErrInvalidValue) || h != Hint{}) {
			t.Errorf("%q: %+v, %v", value, h, err)
		}
	}
	// What names a gofer asks for nothing else.
	if n, named := (Hint{Knob: CacheKnob, Key: "k", Setting: "blob/models"}).GoferName(); named {
		t.Errorf("a cache hint names %v", n)
	}
	if _, err := ParseHint(CacheKnob, "k", "blob/models", ""); !errors.Is(err, ErrInvalidValue) {
		t.Errorf("a cache mode is a name: %v", err)
	}
	if (GoferName{}).String() != "" {
		t.Error("the stock gofer has a name")
	}
}

// What is not known of a gofer for one mount keeps nobody from looking at the next.
func TestGofersThatContradict(t *testing.T) {
	g := GoferName{"blob", "models"}
	unknown := Decision{Mount: "/a", Gofer: g, Access: LisaFS, WhyAccess: Why{reason: becauseHintOff}}
	donates := Decision{Mount: "/b", Gofer: g, Access: DirectFS}
	cannot := Decision{Mount: "/c", Gofer: g, Access: LisaFS, WhyAccess: Why{reason: becauseCannotDonate}}
	if err := checkGofers([]Decision{unknown, donates}); err != nil {
		t.Error(err)
	}
	if err := checkGofers([]Decision{unknown, donates, cannot}); err == nil || !strings.Contains(err.Error(), `"/c"`) {
		t.Errorf("two that contradict each other: %v", err)
	}
	if got, want := cannot.brief(), "lisafs cache="+cannot.Cache.String()+" gofer=blob/models"; got != want {
		t.Errorf("it is %q, want %q", got, want)
	}
}

// named is a mount that a hint lets a gofer serve.
func named(s Setting, more ...Hint) Mount {
	return Mount{Destination: "/d", Backend: StockGofer, Sources: src("/never/used"), Hints: append([]Hint{gofer("k", s)}, more...)}
}

func TestGoferDecisions(t *testing.T) {
	readOnly := named("zip/image")
	readOnly.ReadOnly = true
	overlaid := named("blob/reader")
	overlaid.Overlay, overlaid.ReadOnly = true, true
	fifos := named("blob/reader")
	fifos.SpecialFiles = true
	for name, tt := range map[string]struct {
		mount  Mount
		access Access
		gofer  string
	}{
		"cannot donate":                    {named("blob/models"), LisaFS, "blob/models"},
		"outside, donates":                 {named("blob/tree"), DirectFS, "blob/tree"},
		"outside, donates, off":            {named("blob/tree", hint("l", Off)), LisaFS, "blob/tree"},
		"donates":                          {named("zip/tree"), DirectFS, "zip/tree"},
		"donates, off":                     {named("zip/tree", hint("l", Off)), LisaFS, "zip/tree"},
		"donates, read-only":               {readOnly, DirectFS, "zip/image"},
		"read-only under an overlay":       {overlaid, LisaFS, "blob/reader"},
		"read-only but for FIFOs":          {fifos, LisaFS, "blob/reader"},
		"the default":                      {named(Default), DirectFS, ""},
		"another backend than the runtime": {Mount{Destination: "/d", Backend: VirtualGofer, BackendName: "other", Hints: []Hint{gofer("k", "zip/tree")}}, DirectFS, "zip/tree"},
	} {
		p := mustResolve(t, Request{Container: Container{Flag: true}, Mounts: []Mount{tt.mount}, Backends: registered, Gofers: answers})
		d := p.Decisions()[1]
		if d.Access != tt.access || d.Gofer.String() != tt.gofer || d.ServedByVolume() != (tt.gofer != "") || d.donated() != (tt.access == DirectFS) || d.Outside != answers[d.Gofer].Outside {
			t.Errorf("%s: %+v", name, d)
		}
		if h, ok := d.WhyGofer.Hint(); ok != d.ServedByVolume() || ok && h != tt.mount.Hints[0] {
			t.Errorf("%s: because of %v", name, h)
		}
		if d.ServedByVolume() && !reflect.DeepEqual(d.Sources, src("gofer:"+tt.gofer)) {
			t.Errorf("%s: source %v", name, d.Sources)
		}
	}
}

func TestGoferRefusals(t *testing.T) {
	local := named("blob/models")
	local.Backend = NoGofer
	rootfs := named("blob/reader")
	virtual := named("zip/tree")
	virtual.Backend, virtual.BackendName = VirtualGofer, "other"
	narrow := Request{Container: Container{Flag: true, Ceiling: NarrowHints}, Mounts: []Mount{virtual}}
	const remove = "register the backend with the runtime, by --volume-daemon=NAME=unix:PATH, or remove the hint"
	for want, r := range map[string]Request{
		`k="nobody/models" (mount "/d"): unknown gofer; allowed: blob/<VOLUME>, zip/<VOLUME>, default; ` + remove: {Mounts: []Mount{named("nobody/models")}},
		`k="blob/unasked" (mount "/d"): unknown gofer; allowed: blob/<VOLUME>, zip/<VOLUME>, default; ` + remove:  {Mounts: []Mount{named("blob/unasked")}},
		`k="blob/down" (mount "/d"): backend "blob" does not serve volume "down": dial unix /run/blob.sock: connection refused; make the backend serve it, name another volume, or remove the hint`: {
			Mounts: []Mount{named("blob/down", hint("l", On), cached("m", Exclusive))}},
		`k="blob/models" (mount "/d"): not a gofer mount; allowed: default; remove the hint, or make it a bind mount: the mount lives in the sandbox, and nothing else serves it`:                                                                            {Mounts: []Mount{local}},
		`k="blob/reader" (mount "/d"): the volume is read-only, and the mount is not; add ro to the options of the mount, or name a volume that can be written`:                                                                                              {Mounts: []Mount{named("blob/reader")}},
		`k="blob/reader" (mount "/"): the volume is read-only, and the mount is not; make the rootfs read-only, or name a volume that can be written`:                                                                                                        {Rootfs: Mount{Backend: StockGofer, Hints: rootfs.Hints}},
		`l="on" (mount "/d"): backend cannot donate a root FD; allowed: off, false, default; remove the hint: backend "blob/models" serves this mount over LisaFS only`:                                                                                      {Mounts: []Mount{named("blob/models", hint("l", On))}},
		`k="zip/tree" (mount "/d"): not permitted by --directfs-hints; allowed: default; --directfs-hints=narrow lets a hint only take directfs away, and backend "other", unlike the volume, cannot donate a root FD: remove the hint, or ask the operator`: narrow,
		`k="blob/a/b" (mount "/d"): invalid value; allowed: <BACKEND>/<VOLUME>, default; use a Setting of this knob`:                                                                                                                                         {Mounts: []Mount{named("blob/a/b")}},
		`l="zip/tree" (mount "/d"): contradicts another hint for the same mount; allowed: blob/models; make it agree with k=blob/models, or remove one of the two`:                                                                                           {Mounts: []Mount{named("blob/models", gofer("l", "zip/tree"))}},
	} {
		r.Backends, r.Gofers = registered, answers
		if p, err := Resolve(r); err == nil || err.Error() != want || !reflect.DeepEqual(p, Plan{}) {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	// Whoever registers nothing is told what is allowed, too.
	_, err := Resolve(Request{Mounts: []Mount{named("blob/models")}, Gofers: answers})
	if want := `k="blob/models" (mount "/d"): unknown gofer; allowed: default; ` + remove; err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// Mounts of one volume share its files, in one container and in two; mounts of
// two volumes do not, whatever their sources are called.
func TestVolumesAreShared(t *testing.T) {
	mount := func(dest string, s Setting, more ...Hint) Mount {
		m := named(s, more...)
		m.Destination = dest
		return m
	}
	exclusive := cached("c", Exclusive)
	for name, tt := range map[string]struct {
		one, other Mount
		shared     bool
	}{
		"one volume":                  {mount("/a", "blob/models", exclusive), mount("/b", "blob/models"), true},
		"two volumes":                 {mount("/a", "blob/models", exclusive), mount("/b", "blob/scratch"), false},
		"one name in two backends":    {mount("/a", "blob/own", exclusive), mount("/b", "zip/own"), false},
		"a volume and its own source": {mount("/a", "blob/models", exclusive), mount("/b", Default), false},
	} {
		r := Request{Container: Container{Scope: PodMember}, Mounts: []Mount{tt.one, tt.other}, Backends: registered, Gofers: answers}
		if _, err := Resolve(r); errors.Is(err, ErrNotExclusive) != tt.shared || (err != nil) != tt.shared {
			t.Errorf("%s, in one container: %v", name, err)
		}
		one, two := r, r
		one.Mounts, two.Mounts = []Mount{tt.one}, []Mount{tt.other}
		err := mustResolve(t, one).Coexist("one", mustResolve(t, two), "two")
		if errors.Is(err, ErrNotExclusive) != tt.shared || (err != nil) != tt.shared {
			t.Errorf("%s, in two containers: %v", name, err)
		}
		if tt.shared && !strings.Contains(err.Error(), "gofer:blob/models") {
			t.Errorf("%s: %v does not name the volume", name, err)
		}
	}
}
