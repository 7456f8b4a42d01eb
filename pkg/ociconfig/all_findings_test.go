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

// A pod and its container that differ in a hint and in its source differ twice.
func TestConflictHidesNoOther(t *testing.T) {
	pod := container(join(hint("x", "/a", "on"), notes{criType: "sandbox"}))
	spec := container(join(hint("x", "/b", "off"), notes{criType: "container"}), bind("/n", "/a"))
	_, err := ociconfig.Plan(spec, ociconfig.Options{Flag: true, Pod: pod})
	for _, want := range []string{mountKey + `x.directfs="off"`, mountKey + `x.source="/b"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in: %v", want, err)
		}
	}
}
