package ociconfig_test

import (
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
)

// The kernel follows a link before it goes up: "/a/link/../off" is a place that
// only the host knows, and not "/a/off".
func TestSourceGoesUpFromLink(t *testing.T) {
	sources := func(path string, _ bool) ([]directfspolicy.Source, error) {
		if path == "/a/link/../off" {
			path = "/elsewhere/off"
		}
		return []directfspolicy.Source{{Path: path}}, nil
	}
	spec := container(hint("x", "/elsewhere/off", "off"), bind("/m", "/a/link/../off"))
	if a := accessOf(t, spec, ociconfig.Options{Flag: true, Sources: sources}, "/m"); a != directfspolicy.LisaFS {
		t.Errorf("the mount is %v", a)
	}
	spec = container(hint("x", "/a/link/../off", "off"), bind("/m", "/elsewhere/off"))
	if a := accessOf(t, spec, ociconfig.Options{Flag: true, Sources: sources}, "/m"); a != directfspolicy.LisaFS {
		t.Errorf("by the hint's link, the mount is %v", a)
	}
}
