package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// prepare changes the annotations of a bundle, which gVisor's shim and then the
// runtime read, before a container is created of it.
func prepare(id, bundle string) error {
	first, err := prepareBundle(bundle, kubeletPods)
	if err != nil {
		return fmt.Errorf("container %q: %w", id, err)
	}
	if first {
		sandboxExits().expect(id)
	}
	return nil
}

// prepareBundle returns whether the container is the first of a sandbox.
func prepareBundle(bundle, pods string) (first bool, err error) {
	file := filepath.Join(bundle, "config.json")
	b, err := os.ReadFile(file)
	if err != nil {
		return false, err
	}
	// Only annotations are decoded: what this version does not know of a spec
	// stays in it.
	var spec map[string]json.RawMessage
	if err := json.Unmarshal(b, &spec); err != nil {
		return false, fmt.Errorf("%s: %w", file, err)
	}
	var annotations map[string]string
	if a, ok := spec["annotations"]; ok {
		if err := json.Unmarshal(a, &annotations); err != nil {
			return false, fmt.Errorf("%s: annotations: %w", file, err)
		}
	}
	changed, differ, err := ociconfig.ForShim(annotations, podVolumes{pods, annotations}.find)
	if err != nil {
		return false, err
	}
	scope, err := ociconfig.Scope(&specs.Spec{Annotations: changed})
	if err != nil {
		return false, err
	}
	first = scope != directfspolicy.PodMember
	if !differ {
		return first, nil
	}
	if spec["annotations"], err = json.Marshal(changed); err != nil {
		return false, err
	}
	if b, err = json.Marshal(spec); err != nil {
		return false, err
	}
	return first, replace(file, b)
}

// replace writes a file anew, whole or not at all: what removes a container that a
// killed shim leaves reads it too.
func replace(file string, b []byte) error {
	tmp := file + ".tmp"
	if err := os.WriteFile(tmp, b, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, file)
}
