package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	task "github.com/containerd/containerd/api/runtime/task/v2"
	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"gvisor.dev/gvisor/pkg/shim/v1/extension"
)

// prepare is called before a container is created. It changes the annotations of
// its bundle, which gVisor's shim and then the runtime read. There is no
// extension, which would see all later calls.
func prepare(_ context.Context, _ extension.TaskServiceExt, r *task.CreateTaskRequest) (extension.TaskServiceExt, error) {
	first, err := prepareBundle(r.Bundle, kubeletPods)
	if err != nil {
		return nil, fmt.Errorf("container %q: %w", r.ID, err)
	}
	if first {
		sandboxExits().expect(r.ID)
	}
	return nil, nil
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
	return first, os.WriteFile(file, b, 0o600)
}
