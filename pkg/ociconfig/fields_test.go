package ociconfig_test

import (
	"testing"

	"github.com/directfs/runsc/pkg/ociconfig"
)

// A key that looks like a hint's and is none must not be ignored: its author
// takes the mount for off.
func TestHintKeysInOtherSpellings(t *testing.T) {
	for _, key := range []string{"Directfs", "DirectFS", "directfs ", "Cache"} {
		value := "off"
		if key == "Cache" {
			value = "shared"
		}
		spec := container(notes{mountKey + "x.source": "/x", mountKey + "x." + key: value}, bind("/m", "/x"))
		if p, err := ociconfig.Plan(spec, ociconfig.Options{Flag: true}); err == nil {
			t.Errorf("%q is ignored:\n%v", mountKey+"x."+key, p)
		}
		spec = container(notes{rootfsKey + key: value})
		if p, err := ociconfig.Plan(spec, ociconfig.Options{Flag: true}); err == nil {
			t.Errorf("%q is ignored:\n%v", rootfsKey+key, p)
		}
	}
}
