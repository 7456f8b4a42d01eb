package ociconfig_test

import (
	"strings"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
)

// What the runtime got wrong about one mount does not hide what users got wrong
// about another.
func TestInvalidRequestHidesNoFinding(t *testing.T) {
	sources := func(path string, _ bool) ([]directfspolicy.Source, error) {
		if path == "/nameless" {
			path = ""
		}
		return []directfspolicy.Source{{Path: path}}, nil
	}
	spec := container(notes{rootfsKey + "directfs": "Off"}, bind("/n", "/nameless"), bind("/c", "/c", "directfs=on", "directfs=off"))
	_, err := ociconfig.Plan(spec, ociconfig.Options{Flag: true, Sources: sources})
	for _, want := range []string{`="Off"`, "contradicts another hint"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in: %v", want, err)
		}
	}
}
