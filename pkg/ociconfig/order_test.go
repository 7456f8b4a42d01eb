package ociconfig_test

import (
	"errors"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func TestMountOrder(t *testing.T) {
	bind := func(dst string) specs.Mount { return specs.Mount{Destination: dst, Type: "bind", Source: "/src" + dst} }
	tmpfs := specs.Mount{Destination: "/a", Type: "tmpfs", Source: "tmpfs"}
	for name, tt := range map[string]struct {
		mounts []specs.Mount
		want   string
	}{
		"parent first":     {[]specs.Mount{bind("/a"), bind("/a/b"), bind("/a/b/c"), bind("/a/d")}, ""},
		"root first":       {[]specs.Mount{bind("/"), bind("/a")}, ""},
		"twice":            {[]specs.Mount{bind("/a"), bind("/a")}, ""},
		"like a prefix":    {[]specs.Mount{bind("/ab"), bind("/a")}, ""},
		"tmpfs over bind":  {[]specs.Mount{bind("/a/b"), tmpfs}, ""},
		"child first":      {[]specs.Mount{bind("/a/b"), bind("/a")}, `invalid request: mount "/a/b" is listed before mount "/a", which hides it: list the mount of a directory before those of what is in it`},
		"grandchild first": {[]specs.Mount{bind("/x"), bind("/a/b/c"), bind("/a/b/d"), bind("/a")}, `invalid request: mount "/a/b/c" is listed before mount "/a", which hides it: list the mount of a directory before those of what is in it`},
		"root last":        {[]specs.Mount{bind("/a"), bind("/")}, `invalid request: mount "/a" is listed before mount "/", which hides it: list the mount of a directory before those of what is in it`},
		"between siblings": {[]specs.Mount{bind("/a/b"), bind("/a/c/d"), bind("/a/c")}, `invalid request: mount "/a/c/d" is listed before mount "/a/c", which hides it: list the mount of a directory before those of what is in it`},
		"two that hide": {[]specs.Mount{bind("/a/b"), bind("/a"), bind("/c/d"), bind("/c")}, `invalid request: mount "/a/b" is listed before mount "/a", which hides it: list the mount of a directory before those of what is in it
invalid request: mount "/c/d" is listed before mount "/c", which hides it: list the mount of a directory before those of what is in it`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ociconfig.Plan(&specs.Spec{Root: &specs.Root{Path: "/r"}, Mounts: tt.mounts}, ociconfig.Options{Flag: true})
			got := ""
			if err != nil {
				got = err.Error()
			}
			if got != tt.want || err != nil && !errors.Is(err, directfspolicy.ErrInvalidRequest) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}
