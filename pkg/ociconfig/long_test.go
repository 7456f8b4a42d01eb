package ociconfig_test

import (
	"strings"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
)

// A destination that the kernel has no name for is refused before anybody goes
// through it, which took a minute for one of 100,000 bytes.
func TestLongDestination(t *testing.T) {
	longest := strings.Repeat("/a", 2047) + "b"
	if _, err := ociconfig.Plan(container(nil, bind(longest, "/src")), ociconfig.Options{Flag: true}); err != nil {
		t.Errorf("%d bytes: %v", len(longest), err)
	}
	if _, err := ociconfig.Plan(container(nil, bind(longest+strings.Repeat("/", 5000), "/src")), ociconfig.Options{Flag: true}); err != nil {
		t.Errorf("with slashes that do not count: %v", err)
	}
	checkError(t, container(nil, bind(longest+"b", "/src"), bind("/data", "/src", "directfs=Off")), ociconfig.Options{Flag: true}, directfspolicy.ErrInvalidRequest,
		`invalid request: mount destination "/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a"... has 4096 bytes, where the kernel takes no more than 4095: write a shorter path`+"\n"+
			`mount option directfs="Off" (mount "/data"): invalid value; `+allowed+`; `+removeHint)
}
