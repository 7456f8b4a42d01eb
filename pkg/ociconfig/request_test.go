package ociconfig_test

import (
	"fmt"
	"maps"
	"reflect"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

var sprintf = fmt.Sprintf

// The values, at each of the three keys, under both flags.
func TestValues(t *testing.T) {
	for value, want := range map[string]map[bool]directfspolicy.Access{
		"on":      {true: directfspolicy.DirectFS, false: directfspolicy.DirectFS},
		"true":    {true: directfspolicy.DirectFS, false: directfspolicy.DirectFS},
		"off":     {true: directfspolicy.LisaFS, false: directfspolicy.LisaFS},
		"false":   {true: directfspolicy.LisaFS, false: directfspolicy.LisaFS},
		"default": {true: directfspolicy.DirectFS, false: directfspolicy.LisaFS},
	} {
		for flag, access := range want {
			o := ociconfig.Options{Flag: flag}
			for key, spec := range map[string]*specs.Spec{
				"annotation": container(hint("data", "/a", value), bind("/data", "/a")),
				"complete":   container(join(hint("data", "/a", value), full("data", "/a", "bind", "shared")), bind("/data", "/a")),
				"option":     container(nil, bind("/data", "/a", "ro", "directfs="+value)),
				"both":       container(hint("data", "/a", value), bind("/data", "/a", "directfs="+value)),
			} {
				if got := accessOf(t, spec, o, "/data"); got != access {
					t.Errorf("%s %s, flag %t: %v", key, value, flag, got)
				}
				if got := accessOf(t, spec, o, "/") == directfspolicy.DirectFS; got != flag {
					t.Errorf("%s %s, flag %t: the rootfs follows the mount's hint", key, value, flag)
				}
			}
			rootfs := container(notes{rootfsKey + "directfs": value}, bind("/data", "/a"))
			if got := accessOf(t, rootfs, o, "/"); got != access {
				t.Errorf("rootfs %s, flag %t: %v", value, flag, got)
			}
			if got := accessOf(t, rootfs, o, "/data") == directfspolicy.DirectFS; got != flag {
				t.Errorf("rootfs %s, flag %t: the mount follows the rootfs's hint", value, flag)
			}
		}
	}
}

// A hint finds its mount by source, cleaned on both sides.
func TestSources(t *testing.T) {
	for _, tt := range []struct{ bundle, hint, mount string }{
		{"", "/a", "/a"}, {"", "/a/", "/a"}, {"", "/a", "/a/"}, {"", "/x/../a", "//a"}, {"", "/", "//"},
		{"/bundle", "/bundle/rel", "rel"}, {"/bundle/", "/bundle/rel/", "./rel"}, {"/bundle", "/rel", "../rel"},
	} {
		spec := container(hint("data", tt.hint, "off"), bind("/data", tt.mount))
		if got := accessOf(t, spec, ociconfig.Options{Flag: true, Bundle: tt.bundle}, "/data"); got != directfspolicy.LisaFS {
			t.Errorf("%+v: %v", tt, got)
		}
	}
	// One hint is for every mount with its source.
	spec := container(hint("data", "/a", "off"), bind("/x", "/a"), bind("/y", "/a/"))
	for _, dest := range []string{"/x", "/y"} {
		if got := accessOf(t, spec, ociconfig.Options{Flag: true}, dest); got != directfspolicy.LisaFS {
			t.Errorf("%s: %v", dest, got)
		}
	}
}

// What a gofer serves.
func TestServed(t *testing.T) {
	const shared, none = directfspolicy.DirectFS, directfspolicy.NoAccess
	for name, tt := range map[string]struct {
		notes notes
		mount specs.Mount
		want  directfspolicy.Access
	}{
		"bind":                {nil, bind("/d", "/a"), shared},
		"type none, rbind":    {nil, specs.Mount{Destination: "/d", Type: "none", Source: "/a", Options: []string{"rbind"}}, shared},
		"no type, bind":       {nil, specs.Mount{Destination: "/d", Source: "/a", Options: []string{"ro", "bind"}}, shared},
		"tmpfs by name, bind": {nil, specs.Mount{Destination: "/d", Type: "tmpfs", Source: "/a", Options: []string{"bind"}}, shared},
		"no source":           {nil, specs.Mount{Destination: "/d", Type: "bind"}, none},
		"no type":             {nil, specs.Mount{Destination: "/d", Source: "/a"}, none},
		"BIND":                {nil, specs.Mount{Destination: "/d", Type: "BIND", Source: "/a", Options: []string{"RBIND"}}, none},
		"tmpfs":               {nil, specs.Mount{Destination: "/d", Type: "tmpfs", Source: "tmpfs"}, none},
		"proc":                {nil, specs.Mount{Destination: "/d", Type: "proc", Source: "proc"}, none},
		"erofs":               {nil, specs.Mount{Destination: "/d", Type: "erofs", Source: "/img"}, none},
		"erofs, bind":         {nil, specs.Mount{Destination: "/d", Type: "erofs", Source: "/img", Options: []string{"bind"}}, none},
		"emptyDir of a pod":   {full("d", "/a", "tmpfs", "pod"), bind("/d", "/a"), none},
		"emptyDir of one":     {full("d", "/a", "tmpfs", "container"), bind("/d", "/a"), none},
		"tmpfs, shared":       {full("d", "/a", "tmpfs", "shared"), bind("/d", "/a"), shared},
		"hint of bind":        {full("d", "/a", "bind", "pod"), bind("/d", "/a"), shared},
		"uncleaned source":    {full("d", "/a/", "tmpfs", "pod"), bind("/d", "/a"), shared},
		"incomplete: share":   {notes{mountKey + "d.source": "/a", mountKey + "d.type": "tmpfs"}, bind("/d", "/a"), shared},
		"incomplete: type":    {notes{mountKey + "d.source": "/a", mountKey + "d.share": "pod"}, bind("/d", "/a"), shared},
		"unknown share":       {full("d", "/a", "tmpfs", "private"), bind("/d", "/a"), shared},
		"unknown type":        {full("d", "/a", "ext4", "pod"), bind("/d", "/a"), shared},
	} {
		t.Run(name, func(t *testing.T) {
			if got := accessOf(t, container(tt.notes, tt.mount), ociconfig.Options{Flag: true}, "/d"); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
			off := tt.mount
			ociconfig.SetMountHint(&off, "off")
			want := directfspolicy.LisaFS
			if tt.want == none {
				want = none
			}
			if got := accessOf(t, container(tt.notes, off), ociconfig.Options{Flag: true}, "/d"); got != want {
				t.Errorf("off: got %v, want %v", got, want)
			}
		})
	}
}

func TestErofsRootfs(t *testing.T) {
	a := notes{rootfsKey + "type": "erofs", rootfsKey + "source": "/img"}
	for _, v := range []string{"", "off", "false", "default"} {
		b := maps.Clone(a)
		if v != "" {
			b[rootfsKey+"directfs"] = v
		}
		if got := accessOf(t, container(b), ociconfig.Options{Flag: true}, "/"); got != directfspolicy.NoAccess {
			t.Errorf("directfs=%q: %v", v, got)
		}
	}
}

func TestCacheModes(t *testing.T) {
	const shared, exclusive = directfspolicy.CacheShared, directfspolicy.CacheExclusive
	o := ociconfig.Options{RootfsCache: exclusive, MountCache: shared}
	for _, o := range []ociconfig.Options{o, {RootfsCache: shared, MountCache: exclusive}} {
		for name, tt := range map[string]struct {
			notes notes
			want  directfspolicy.Cache
		}{
			"none":      {nil, o.MountCache},
			"hint":      {hint("d", "/a", "off"), o.MountCache},
			"container": {full("d", "/a", "bind", "container"), exclusive},
			"pod":       {full("d", "/a", "bind", "pod"), shared},
			"shared":    {full("d", "/a", "bind", "shared"), shared},
			"uncleaned": {full("d", "/a/", "bind", "container"), o.MountCache},
			"partial":   {notes{mountKey + "d.source": "/a", mountKey + "d.share": "container"}, o.MountCache},
		} {
			r, err := ociconfig.Request(container(tt.notes, bind("/d", "/a")), o)
			if err != nil {
				t.Fatal(err)
			}
			if r.Mounts[0].Cache != tt.want || r.Rootfs.Cache != o.RootfsCache {
				t.Errorf("%s with %+v: %v, rootfs %v", name, o, r.Mounts[0].Cache, r.Rootfs.Cache)
			}
		}
	}
}

func TestBackend(t *testing.T) {
	var asked []specs.Mount
	spec := container(nil, bind("/a", "/src/a"), bind("/b", "/src/b"), specs.Mount{Destination: "/proc", Type: "proc", Source: "proc"})
	o := ociconfig.Options{Flag: true, Backend: func(s *specs.Spec, m specs.Mount) (directfspolicy.Backend, string) {
		if s != spec {
			t.Error("asked with another spec")
		}
		asked = append(asked, m)
		if m.Destination == "/a" {
			return directfspolicy.VirtualGofer, "blob"
		}
		return directfspolicy.NoGofer, "ignored"
	}}
	r, err := ociconfig.Request(spec, o)
	if err != nil {
		t.Fatal(err)
	}
	want := []specs.Mount{{Destination: "/", Source: "/rootfs"}, spec.Mounts[0], spec.Mounts[1]}
	if !reflect.DeepEqual(asked, want) {
		t.Errorf("asked for %v, want %v", asked, want)
	}
	for i, b := range []directfspolicy.Backend{directfspolicy.VirtualGofer, directfspolicy.StockGofer, directfspolicy.NoGofer} {
		if m := r.Mounts[i]; m.Backend != b || (m.BackendName == "blob") != (i == 0) || m.BackendName == "ignored" {
			t.Errorf("%+v, want %v", m, b)
		}
	}
}
