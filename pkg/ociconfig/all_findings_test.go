package ociconfig_test

import (
	"strings"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
	specs "github.com/opencontainers/runtime-spec/specs-go"
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

// Two destinations, at each of which two mounts disagree or are in the wrong
// order, are two findings.
func TestEveryPairOfMounts(t *testing.T) {
	for want, spec := range map[string]*specs.Spec{
		"different decisions": container(nil, bind("/a", "/1", "directfs=off"), bind("/a", "/2"), bind("/b", "/1"), bind("/b", "/2", "directfs=off")),
		"is listed before":    container(nil, bind("/a/c", "/1"), bind("/a", "/2"), bind("/b/c", "/1"), bind("/b", "/2")),
	} {
		_, err := ociconfig.Plan(spec, ociconfig.Options{Flag: true})
		all := directfspolicy.Findings(err)
		if len(all) != 2 || !strings.Contains(all[0].Error(), `"/a"`) || !strings.Contains(all[1].Error(), `"/b"`) || strings.Count(err.Error(), want) != 2 {
			t.Errorf("%s: %v", want, err)
		}
	}
}
