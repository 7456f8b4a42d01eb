package ociconfig_test

import (
	"maps"
	"reflect"
	"slices"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func TestScope(t *testing.T) {
	for _, tt := range []struct {
		notes notes
		want  directfspolicy.Scope
	}{
		{nil, directfspolicy.Standalone},
		{notes{"io.kubernetes.cri.sandbox-id": "x"}, directfspolicy.Standalone},
		{notes{criType: "sandbox"}, directfspolicy.PodSandbox},
		{notes{criType: "container"}, directfspolicy.PodMember},
		{notes{crioType: "sandbox"}, directfspolicy.PodSandbox},
		{notes{crioType: "container"}, directfspolicy.PodMember},
		{notes{criType: "sandbox", crioType: "container"}, directfspolicy.PodSandbox},
		{notes{criType: "container", crioType: "bad"}, directfspolicy.PodMember},
	} {
		spec := container(tt.notes)
		if got, err := ociconfig.Scope(spec); err != nil || got != tt.want {
			t.Errorf("%v: %v, %v", tt.notes, got, err)
		}
		p, err := ociconfig.Plan(spec, ociconfig.Options{Pod: container(nil)})
		if err != nil || p.Container().Scope != tt.want {
			t.Errorf("%v: %v, %v", tt.notes, p.Container().Scope, err)
		}
	}
}

func TestFlag(t *testing.T) {
	for _, tt := range []struct {
		value string // "-" for none
		flag  bool
		allow bool
		want  bool
	}{
		{"-", true, true, true}, {"-", false, true, false},
		{"false", true, true, false}, {"true", false, true, true}, {"1", false, true, true}, {"F", true, true, false},
		{"false", true, false, true}, {"true", false, false, false}, {"bad", true, false, true},
	} {
		spec := container(nil)
		if tt.value != "-" {
			spec.Annotations = notes{flagKey: tt.value}
		}
		p, err := ociconfig.Plan(spec, ociconfig.Options{Flag: tt.flag, AllowFlagOverride: tt.allow})
		if err != nil || p.Container().Flag != tt.want {
			t.Errorf("%+v: %v, %v", tt, p.Container().Flag, err)
		}
	}
	for _, v := range []string{"", "on", "off", "default", "yes"} {
		checkError(t, container(notes{flagKey: v}), ociconfig.Options{AllowFlagOverride: true}, directfspolicy.ErrInvalidValue,
			flagKey+`="`+v+`": invalid value; allowed: true, false; write one of the allowed values or remove the annotation`)
	}
	p, err := ociconfig.Plan(container(nil), ociconfig.Options{HostNetwork: true})
	if err != nil || !p.Container().HostNetwork {
		t.Errorf("%v, %v", p, err)
	}
}

// A container that joins a pod has the pod's hints and its own.
func TestPodMember(t *testing.T) {
	pod := container(join(hint("a", "/a", "off"), hint("e", "/e", "on"), full("c", "/c", "bind", "container"), notes{rootfsKey + "directfs": "off"}))
	own := join(hint("b", "/b", "off"), full("d", "/d", "bind", "container"), hint("a", "/a", "off"), notes{criType: "container"})
	spec := container(own, bind("/1", "/a"), bind("/2", "/b"), bind("/3", "/c"), bind("/4", "/d"))
	o := ociconfig.Options{Flag: true, Pod: pod, MountCache: directfspolicy.CacheShared}
	p, err := ociconfig.Plan(spec, o)
	if err != nil {
		t.Fatal(err)
	}
	var got []directfspolicy.Access
	for _, d := range p.Decisions() {
		got = append(got, d.Access)
	}
	const direct, lisa = directfspolicy.DirectFS, directfspolicy.LisaFS
	// The pod's rootfs hint is for its first container's rootfs.
	if want := []directfspolicy.Access{direct, lisa, lisa, direct, direct}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v\n%v", got, want, p)
	}
	if want := []directfspolicy.Hint{{Knob: directfspolicy.DirectFSKnob, Key: mountKey + "e.directfs", Setting: directfspolicy.On, PodWide: true}}; !reflect.DeepEqual(p.Unmatched(), want) {
		t.Errorf("unmatched %v, want %v", p.Unmatched(), want)
	}
	// The sentry knows the cache modes of the pod's hints alone.
	if p.Decisions()[3].Cache != directfspolicy.CacheExclusive || p.Decisions()[4].Cache != directfspolicy.CacheShared {
		t.Errorf("cache modes:\n%v", p)
	}
}

// The same hints for a pod's first container: what matches nothing there may
// be for the others.
func TestPodSandboxUnmatched(t *testing.T) {
	a := join(hint("a", "/a", "on"), hint("b", "/b", "off"), notes{criType: "sandbox"})
	p, err := ociconfig.Plan(container(a), ociconfig.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Unmatched()) != 2 || !p.Sandbox().Raised || len(p.Donations()) > 0 {
		t.Errorf("%v", p)
	}
}

func TestStripOptions(t *testing.T) {
	in := []string{"ro", "directfs=on", "directfs", "DirectFS=x", " directfs =", "directfsx=1", "x=directfs", "dcache=1,directfs", "cache=shared", "cache=exclusive", "cache=default", "cache=none", "cache", "dcache=1", "rro", "rrw", "rnosuid", "rnodev", "rnoexec", "rnoatime"}
	before := slices.Clone(in)
	want := []string{"ro", "directfsx=1", "x=directfs", "dcache=1,directfs", "cache=none", "cache", "dcache=1", "ro", "rrw", "nosuid", "nodev", "noexec", "noatime"}
	if got := ociconfig.StripOptions(in); !slices.Equal(got, want) || !slices.Equal(in, before) {
		t.Errorf("got %q, want %q; the argument is %q", got, want, in)
	}
	if got := ociconfig.StripOptions(nil); len(got) != 0 {
		t.Errorf("%q", got)
	}
}

func TestStripAnnotations(t *testing.T) {
	kept := join(full("a", "/a", "bind", "pod"), notes{
		"x.directfs": "1", rootfsKey + "source": "/img", flagKey: "true", mountKey + "c.source": "/c", "dev.gvisor.spec.mounts.directfs": "1",
	})
	in := join(kept, hint("a", "/a", "off"), hint("b", "/a", "off"), notes{mountKey + "b.type": "bind", rootfsKey + "directfs": "on", rootfsKey + "cache": "shared",
		mountKey + "a.cache": "shared", mountKey + "d.source": "/d", mountKey + "d.cache": "shared"})
	before := maps.Clone(in)
	if got := ociconfig.StripAnnotations(in); !maps.Equal(got, kept) || !maps.Equal(in, before) {
		t.Errorf("got %v, want %v", got, kept)
	}
	if got := ociconfig.StripAnnotations(nil); got != nil {
		t.Errorf("%v", got)
	}
	// A map that Request refuses still loses its hints.
	if got := ociconfig.StripAnnotations(notes{mountKey + "a.b.directfs": "off", mountKey + "c.directfs": "on"}); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

func TestSetHints(t *testing.T) {
	spec := container(nil, bind("/a", "/a"), bind("/b", "/b"))
	spec.Mounts[0].Options = append(make([]string, 0, 4), "ro")
	alias := spec.Mounts[0].Options[:2:2]
	ociconfig.SetMountHint(&spec.Mounts[0], "on")
	ociconfig.SetRootfsHint(spec, "on")
	if alias[1] != "" {
		t.Error("SetMountHint wrote to a list that others may share")
	}
	want := map[string]directfspolicy.Access{"/": directfspolicy.DirectFS, "/a": directfspolicy.DirectFS, "/b": directfspolicy.LisaFS}
	for dest, access := range want {
		if got := accessOf(t, spec, ociconfig.Options{}, dest); got != access {
			t.Errorf("%s: %v", dest, got)
		}
	}
	ociconfig.SetRootfsHint(spec, "off") // the last one counts
	if got := accessOf(t, spec, ociconfig.Options{Flag: true}, "/"); got != directfspolicy.LisaFS {
		t.Errorf("/: %v", got)
	}
	var m specs.Mount
	if ociconfig.SetMountHint(&m, "off"); !slices.Equal(m.Options, []string{"directfs=off"}) {
		t.Errorf("%q", m.Options)
	}
}
