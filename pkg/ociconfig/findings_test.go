package ociconfig_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"pgregory.net/rapid"
)

// drawSpec draws a container of few names, sources and values, so that hints
// meet each other and their mounts.
func drawSpec(t *rapid.T, label string) *specs.Spec {
	value := rapid.SampledFrom([]string{"on", "off", "default", "of", ""})
	cache := rapid.SampledFrom([]string{"shared", "exclusive", "default", "none", ""})
	source := rapid.SampledFrom([]string{"/a", "/b/", "/b"})
	a := notes{}
	for _, name := range []string{"x", "y", "x.z"} {
		for field, values := range map[string]*rapid.Generator[string]{
			"directfs": value, "cache": cache, "source": source, "options": rapid.SampledFrom([]string{"bind", "ro"}),
			"type": rapid.SampledFrom([]string{"bind", "tmpfs"}), "share": rapid.SampledFrom([]string{"pod", "container"}),
		} {
			if rapid.IntRange(0, 2).Draw(t, label+name+field) == 0 {
				a[mountKey+name+"."+field] = values.Draw(t, label+"value")
			}
		}
	}
	if rapid.Bool().Draw(t, label+"rootfs") {
		a[rootfsKey+"directfs"] = value.Draw(t, label+"value")
	}
	if rapid.Bool().Draw(t, label+"rootfs cache") {
		a[rootfsKey+"cache"] = cache.Draw(t, label+"cache")
	}
	if scope := rapid.SampledFrom([]string{"", "sandbox", "container", "Sandbox"}).Draw(t, label+"scope"); scope != "" {
		a[criType] = scope
	}
	spec := container(a)
	for range rapid.IntRange(0, 3).Draw(t, label+"mounts") {
		m := bind(rapid.SampledFrom([]string{"/m", "/n", "n"}).Draw(t, label+"destination"), source.Draw(t, label+"source"))
		m.Type = rapid.SampledFrom([]string{"bind", "tmpfs"}).Draw(t, label+"type")
		if rapid.Bool().Draw(t, label+"option") {
			m.Options = append(m.Options, rapid.SampledFrom([]string{"directfs=on", "directfs=off", "directfs=of", "directfs", "ro,directfs", "cache=shared", "cache=exclusive", "cache=", "cache"}).Draw(t, label+"options"))
		}
		spec.Mounts = append(spec.Mounts, m)
	}
	return spec
}

// Plan says everything at once and nothing twice, what Request says among it,
// and leaves its arguments alone.
func TestFindings(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec, o := drawSpec(t, ""), ociconfig.Options{Flag: rapid.Bool().Draw(t, "flag"), Pod: drawSpec(t, "pod ")}
		before, podBefore := dump(spec), dump(o.Pod)
		p, err := ociconfig.Plan(spec, o)
		_, reqErr := ociconfig.Request(spec, o)
		var texts []string
		for _, f := range directfspolicy.Findings(err) {
			texts = append(texts, f.Error())
		}
		for _, f := range directfspolicy.Findings(reqErr) {
			if !slices.Contains(texts, f.Error()) {
				t.Fatalf("Request: %v; Plan: %v", f, err)
			}
		}
		slices.Sort(texts)
		if len(slices.Compact(slices.Clone(texts))) < len(texts) {
			t.Fatalf("a finding is there twice: %v", err)
		}
		if (err == nil) != (len(p.Decisions()) > 0) {
			t.Fatalf("plan %v with error %v", p, err)
		}
		if dump(spec) != before || dump(o.Pod) != podBefore {
			t.Fatal("Plan changed its arguments")
		}
	})
}

func dump(spec *specs.Spec) string {
	b, err := json.Marshal(spec)
	return fmt.Sprint(string(b), err)
}

func TestFindingsAreAll(t *testing.T) {
	spec := container(join(hint("a", "/a", "of"), hint("b", "/gone", "off"), notes{mountKey + "c.directfs": "on", rootfsKey + "directfs": "no", flagKey: "maybe"}),
		bind("/1", "/1", "directfs=x"), bind("/2", "/2", "directfs=on", "directfs=off"), bind("/3", "/3", "directfs"), bind("/4", "/4", "a,b"))
	want := []string{flagKey, mountKey + "a.", mountKey + "c.", rootfsKey, `(mount "/1")`, `(mount "/3")`, `(mount "/4")`, mountKey + "b.", `(mount "/2")`}
	_, err := ociconfig.Plan(spec, ociconfig.Options{AllowFlagOverride: true})
	all := directfspolicy.Findings(err)
	if len(all) != len(want) {
		t.Errorf("%d findings, want %d: %v", len(all), len(want), err)
	}
	for _, w := range want {
		if !slices.ContainsFunc(all, func(err error) bool { return strings.Contains(err.Error(), w) }) {
			t.Errorf("nothing about %s in %v", w, all)
		}
	}
}

// A hint that somebody considers has the value afterwards, and the arguments
// stay as they are.
func TestWhatIf(t *testing.T) {
	spec := container(join(hint("a", "/a", "on"), hint("b", "/b/", "off")),
		bind("/1", "/a"), bind("/2", "/b"), bind("/3", "/c", "directfs=off"), bind("/4", "/a", "directfs=on"), bind("/5", "/e"))
	before := dump(spec)
	const on, off = directfspolicy.DirectFS, directfspolicy.LisaFS
	for _, tt := range []struct {
		name, value, dest string
		want              directfspolicy.Access
	}{
		{"rootfs", "off", "/", off}, {"/", "off", "/", off}, {"a", "on", "/1", on}, {"b", "on", "/2", on},
		{"/2", "on", "/2", on}, {"/3/", "on", "/3", on}, {"/5", "off", "/5", off}, {"/2", "default", "/2", on},
	} {
		s, o, err := ociconfig.WhatIf(spec, ociconfig.Options{Flag: true}, ociconfig.Change{Name: tt.name, Value: tt.value})
		if err != nil {
			t.Fatal(err)
		}
		if got := accessOf(t, s, o, tt.dest); got != tt.want {
			t.Errorf("%s=%s: %s is %v", tt.name, tt.value, tt.dest, got)
		}
	}
	// The annotation is for two mounts; the option of one of them contradicts.
	for _, name := range []string{"a", "/1"} {
		s, o, err := ociconfig.WhatIf(spec, ociconfig.Options{}, ociconfig.Change{Name: name, Value: "off"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ociconfig.Plan(s, o); !errors.Is(err, directfspolicy.ErrConflict) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if dump(spec) != before {
		t.Error("WhatIf changed its argument")
	}
	_, _, err := ociconfig.WhatIf(spec, ociconfig.Options{}, ociconfig.Change{Name: "c", Value: "off"})
	const text = `"c": hint matches no mount of this container; there are: rootfs, /1, /2, /3, /4, /5, a, b`
	if !errors.Is(err, directfspolicy.ErrNoMount) || err.Error() != text {
		t.Errorf("%v", err)
	}
}

// A pod's hint changes for the pod, a container's own for the container.
func TestWhatIfPod(t *testing.T) {
	pod := container(join(hint("a", "/a", "off"), notes{criType: "sandbox"}))
	spec := container(join(notes{mountKey + "b.source": "/b", criType: "container"}), bind("/1", "/a"), bind("/2", "/b"))
	s, o, err := ociconfig.WhatIf(spec, ociconfig.Options{Pod: pod}, ociconfig.Change{Name: "/1", Value: "on"}, ociconfig.Change{Name: "b", Value: "on"})
	if err != nil {
		t.Fatal(err)
	}
	if o.Pod.Annotations[mountKey+"a.directfs"] != "on" || pod.Annotations[mountKey+"a.directfs"] != "off" {
		t.Errorf("%v, before %v", o.Pod.Annotations, pod.Annotations)
	}
	if s.Annotations[mountKey+"b.directfs"] != "on" || accessOf(t, s, o, "/1") != directfspolicy.DirectFS || accessOf(t, s, o, "/2") != directfspolicy.DirectFS {
		t.Errorf("%v", s.Annotations)
	}
}
