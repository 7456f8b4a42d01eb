package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	task "github.com/containerd/containerd/api/runtime/task/v2"
	"github.com/directfs/runsc/pkg/ociconfig"
	"gvisor.dev/gvisor/pkg/shim/v1/extension"
)

// prepare is called before a container is created. It changes the annotations of
// its bundle, which gVisor's shim and then the runtime read. There is no
// extension, which would see all later calls.
func prepare(_ context.Context, _ extension.TaskServiceExt, r *task.CreateTaskRequest) (extension.TaskServiceExt, error) {
	if err := prepareBundle(r.Bundle, kubeletPods); err != nil {
		return nil, fmt.Errorf("container %q: %w", r.ID, err)
	}
	return nil, nil
}

func prepareBundle(bundle, pods string) error {
	file := filepath.Join(bundle, "config.json")
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	// Only annotations are decoded: what this version does not know of a spec
	// stays in it.
	var spec map[string]json.RawMessage
	if err := json.Unmarshal(b, &spec); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	var annotations map[string]string
	if a, ok := spec["annotations"]; ok {
		if err := json.Unmarshal(a, &annotations); err != nil {
			return fmt.Errorf("%s: annotations: %w", file, err)
		}
	}
	changed, differ, err := ociconfig.ForShim(annotations, podVolumes{pods, annotations}.find)
	if err != nil || !differ {
		return err
	}
	if spec["annotations"], err = json.Marshal(changed); err != nil {
		return err
	}
	if b, err = json.Marshal(spec); err != nil {
		return err
	}
	return os.WriteFile(file, b, 0o600)
}
