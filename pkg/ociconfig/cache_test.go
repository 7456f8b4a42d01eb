package ociconfig_test

import (
	"errors"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// cacheNote is a name with a source and a cache value, and no more.
func cacheNote(name, source, value string) notes {
	return notes{mountKey + name + ".source": source, mountKey + name + ".cache": value}
}

func mustPlan(t *testing.T, spec *specs.Spec, o ociconfig.Options) directfspolicy.Plan {
	t.Helper()
	p, err := ociconfig.Plan(spec, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// The values, at each of the keys, whatever the default. Neither a directfs
// hint nor the rootfs has anything to do with it.
func TestCacheValues(t *testing.T) {
	for _, standard := range []directfspolicy.Cache{directfspolicy.CacheShared, directfspolicy.CacheExclusive} {
		for value, want := range map[string]directfspolicy.Cache{
			"shared": directfspolicy.CacheShared, "exclusive": directfspolicy.CacheExclusive, "default": standard,
		} {
			o := ociconfig.Options{Flag: true, MountCache: standard, RootfsCache: standard}
			for key, spec := range map[string]*specs.Spec{
				"annotation": container(cacheNote("data", "/a/", value), bind("/data", "/a")),
				"option":     container(nil, bind("/data", "/a", "ro", "cache="+value)),
				"both":       container(cacheNote("data", "/a", value), bind("/data", "/a", "cache="+value)),
				"and off":    container(join(cacheNote("data", "/a", value), hint("data", "/a", "off")), bind("/data", "/a")),
			} {
				p := mustPlan(t, spec, o)
				if d := p.Decisions()[1]; d.Cache != want || (d.WhyCache.Reason()[:4] == "hint") != (value != "default") {
					t.Errorf("%s %s, default %v: %v because %v", key, value, standard, d.Cache, d.WhyCache.Reason())
				}
				if d := p.Decisions()[0]; d.Cache != standard {
					t.Errorf("%s %s, default %v: the rootfs has %v", key, value, standard, d.Cache)
				}
			}
			p := mustPlan(t, container(notes{rootfsKey + "cache": value}, bind("/data", "/a")), o)
			if p.Decisions()[0].Cache != want || p.Decisions()[1].Cache != standard {
				t.Errorf("rootfs %s, default %v: %v, the mount %v", value, standard, p.Decisions()[0].Cache, p.Decisions()[1].Cache)
			}
		}
	}
}

// A hint is stronger than gVisor's share annotation, where no overlay comes
// with that.
func TestCacheAgainstShare(t *testing.T) {
	shared := container(join(full("data", "/a", "bind", "shared"), cacheNote("data", "/a", "exclusive")), bind("/data", "/a"))
	if d := mustPlan(t, shared, ociconfig.Options{}).Decisions()[1]; d.Cache != directfspolicy.CacheExclusive {
		t.Errorf("share=shared and cache=exclusive: %v", d.Cache)
	}
	local := container(join(full("data", "/a", "bind", "container"), cacheNote("data", "/a", "shared")), bind("/data", "/a"))
	if _, err := ociconfig.Plan(local, ociconfig.Options{}); !errors.Is(err, directfspolicy.ErrOverlay) {
		t.Errorf("share=container and cache=shared: %v", err)
	}
}

// Which mounts have an overlay over them.
func TestOverlays(t *testing.T) {
	shared := notes{rootfsKey + "cache": "shared"}
	root := ociconfig.Options{RootfsOverlay: true}
	all := ociconfig.Options{RootfsOverlay: true, MountOverlay: true, SpecialFiles: true}
	readOnly := container(shared)
	readOnly.Root.Readonly = true
	image := notes{rootfsKey + "type": "bind", rootfsKey + "source": "/img"}
	for name, tt := range map[string]struct {
		spec    *specs.Spec
		o       ociconfig.Options
		overlay bool
	}{
		"rootfs, none":           {container(shared), ociconfig.Options{MountOverlay: true}, false},
		"rootfs":                 {container(shared), root, true},
		"rootfs, special files":  {container(shared), all, true},
		"rootfs, read-only":      {readOnly, root, false},
		"rootfs, own annotation": {container(join(shared, image)), root, false},
		"rootfs, own overlay":    {container(join(shared, image, notes{rootfsKey + "overlay": "memory"})), ociconfig.Options{}, true},
		"mount, none":            {container(nil, bind("/d", "/a", "cache=shared")), root, false},
		"mount":                  {container(nil, bind("/d", "/a", "cache=shared")), all, true},
		"mount, read-only":       {container(nil, bind("/d", "/a", "cache=shared", "ro")), all, false},
	} {
		if _, err := ociconfig.Plan(tt.spec, tt.o); errors.Is(err, directfspolicy.ErrOverlay) != tt.overlay || (err == nil) == tt.overlay {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The cache option of another file system is that file system's own.
func TestCacheOptionOfOthers(t *testing.T) {
	for option, want := range map[string]error{
		"cache=none": nil, "cache=loose": nil, "cache": nil, "cache=default": nil,
		"cache=exclusive": directfspolicy.ErrNotGoferMount, "cache=shared": directfspolicy.ErrNotGoferMount,
	} {
		spec := container(nil, specs.Mount{Destination: "/d", Type: "9p", Source: "tag", Options: []string{option}})
		if _, err := ociconfig.Plan(spec, ociconfig.Options{}); !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("%s: %v, want %v", option, err, want)
		}
	}
}

// An option that is only like the cache option is the engine's own, or nobody's.
func TestOptionsLikeCache(t *testing.T) {
	for _, option := range []string{"dcache=10", "nocache", "caches=1", "cached", "directory=off"} {
		if _, err := ociconfig.Plan(container(nil, bind("/d", "/a", option)), ociconfig.Options{}); err != nil {
			t.Errorf("%s: %v", option, err)
		}
	}
}

// Mounts of the same files are found by cleaned and resolved source.
func TestSameFiles(t *testing.T) {
	o := ociconfig.Options{Bundle: "/bundle", Sources: func(p string, _ bool) ([]directfspolicy.Source, error) {
		if p == "/link" {
			p = "/real/dir"
		}
		return []directfspolicy.Source{{Path: p}}, nil
	}}
	for _, tt := range []struct {
		one, other string
		refused    bool
	}{
		{"/a", "/a/", true}, {"/a/b", "/a", true}, {"/a", "/a/b/c", true}, {"/a", "/ab", false}, {"/a/b", "/a/c", false},
		{"rel", "/bundle/rel/x", true}, {"/link", "/real", true}, {"/link", "/real/dir", true}, {"/link", "/real/other", false},
		{"/a", "/", true}, {"/rootfs", "/b", true}, {"/rootfs/home", "/b", true},
	} {
		spec := container(nil, bind("/one", tt.one, "cache=exclusive"), bind("/other", tt.other))
		if _, err := ociconfig.Plan(spec, o); errors.Is(err, directfspolicy.ErrNotExclusive) != tt.refused || (err == nil) == tt.refused {
			t.Errorf("%+v: %v", tt, err)
		}
		spec.Root.Readonly = true
		spec.Mounts[1].Options = []string{"ro"}
		if _, err := ociconfig.Plan(spec, o); err != nil {
			t.Errorf("%+v, read-only: %v", tt, err)
		}
	}
	// A mount that no gofer serves has no files on the host.
	tmpfs := container(full("m", "/a", "tmpfs", "pod"), bind("/one", "/a/b", "cache=exclusive"), bind("/mem", "/a"))
	if p := mustPlan(t, tmpfs, o); len(p.Decisions()[2].Sources) > 0 {
		t.Errorf("a tmpfs has the sources %v", p.Decisions()[2].Sources)
	}
}

// Hints on the pod and on a container are one set, and what matches nothing is
// a warning.
func TestPodCacheHints(t *testing.T) {
	pod := container(join(cacheNote("a", "/a", "exclusive"), cacheNote("gone", "/gone", "shared"), notes{criType: "sandbox"}))
	o := ociconfig.Options{Pod: pod}
	member := container(notes{criType: "container"}, bind("/d", "/a"))
	p := mustPlan(t, member, o)
	if d := p.Decisions()[1]; d.Cache != directfspolicy.CacheExclusive || keyOf(d.WhyCache) != mountKey+"a.cache" {
		t.Errorf("%v because of %q", d.Cache, keyOf(d.WhyCache))
	}
	if want := (directfspolicy.Hint{Knob: directfspolicy.CacheKnob, Key: mountKey + "gone.cache", Setting: directfspolicy.Shared, PodWide: true}); len(p.Unmatched()) != 1 || p.Unmatched()[0] != want {
		t.Errorf("unmatched %v", p.Unmatched())
	}
	member.Annotations[mountKey+"a.cache"] = "shared"
	if _, err := ociconfig.Plan(member, o); !errors.Is(err, directfspolicy.ErrConflict) {
		t.Errorf("the container contradicts the pod: %v", err)
	}
}

func TestWhatIfCache(t *testing.T) {
	spec := container(join(cacheNote("a", "/a", "shared"), hint("b", "/b", "off")), bind("/1", "/a"), bind("/2", "/b"), bind("/3", "/c", "directfs=off", "cache=shared"))
	for _, tt := range []struct{ name, dest string }{{"a", "/1"}, {"/1", "/1"}, {"b", "/2"}, {"/2", "/2"}, {"/3", "/3"}, {"rootfs", "/"}} {
		s, o, err := ociconfig.WhatIf(spec, ociconfig.Options{}, ociconfig.Change{Name: tt.name, Knob: directfspolicy.CacheKnob, Value: "exclusive"})
		if err != nil {
			t.Fatal(err)
		}
		for i, d := range mustPlan(t, s, o).Decisions() {
			before := mustPlan(t, spec, o).Decisions()[i]
			if changed := d.Cache != before.Cache; changed != (d.Mount == tt.dest) || d.Access != before.Access || d.WhyAccess.Reason() != before.WhyAccess.Reason() {
				t.Errorf("%s: %s is %v because %v", tt.name, d.Mount, d.Cache, d.WhyAccess.Reason())
			}
		}
	}
}
