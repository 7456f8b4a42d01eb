package ociconfig_test

import (
	"strings"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
)

// A key that looks like a hint's and is none must not be ignored: its author
// takes the mount for off.
func TestKeysLikeThoseOfHints(t *testing.T) {
	for like, fields := range map[string][]string{
		"directfs": {"Directfs", "DirectFS", "directfs ", "direct-fs", "direct_fs", "Direct-FS", "direct fs", "directf", "dirctfs", "diretcfs", "direct", "nodirectfs", "directfs-", "directsf"},
		"cache":    {"Cache", "caches", "cached", "cahce", "ca-che", "cach"},
	} {
		for _, field := range fields {
			const text = `="off": invalid key; allowed: KEY; write that key, or remove this one`
			spec := container(notes{mountKey + "x.source": "/x", mountKey + "x." + field: "off"}, bind("/m", "/x"))
			checkError(t, spec, ociconfig.Options{Flag: true}, ociconfig.ErrInvalidKey, mountKey+"x."+field+strings.Replace(text, "KEY", mountKey+"x."+like, 1))
			spec = container(notes{rootfsKey + field: "off"})
			checkError(t, spec, ociconfig.Options{Flag: true}, ociconfig.ErrInvalidKey, rootfsKey+field+strings.Replace(text, "KEY", rootfsKey+like, 1))
		}
	}
}

// Other keys are the engine's business, whether it knows them or not.
func TestKeysOfOthers(t *testing.T) {
	for _, field := range []string{"type", "share", "options", "lifecycle", "source", "size", "overlay", "name", "path", "mode", "lisafs", "dcache-size", "user", ""} {
		spec := container(notes{mountKey + "x." + field: "/x", rootfsKey + field: "/x"}, bind("/m", "/x"))
		if _, err := ociconfig.Plan(spec, ociconfig.Options{Flag: true}); err != nil {
			t.Error(err)
		}
	}
}

// No mount has a relative source when it is compared, so a hint with one would
// change nothing, and in a pod nobody would be told.
func TestRelativeSources(t *testing.T) {
	for _, source := range []string{"volumes/data", "./data", "tmpfs"} {
		text := mountKey + `x.source="` + source + `": invalid value; write an absolute path: the source of a hint is not relative to the bundle`
		for _, knob := range []string{"directfs", "cache"} {
			hint := notes{mountKey + "x.source": source, mountKey + "x." + knob: "default"}
			for _, scope := range []notes{nil, {criType: "sandbox"}, {criType: "container"}} {
				o := ociconfig.Options{Flag: true, Bundle: "/bundle", Pod: container(nil)}
				checkError(t, container(join(hint, scope), bind("/m", source)), o, directfspolicy.ErrInvalidValue, text)
			}
		}
		// Without a hint the name is the engine's.
		if _, err := ociconfig.Plan(container(full("x", source, "tmpfs", "pod"), bind("/m", source)), ociconfig.Options{}); err != nil {
			t.Error(err)
		}
	}
}
