package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"

	"github.com/BurntSushi/toml"
	"github.com/containerd/containerd/api/types"
	containerd "github.com/containerd/containerd/v2/pkg/shim"
	"github.com/containerd/errdefs"
	"github.com/containerd/typeurl/v2"
	specs "github.com/opencontainers/runtime-spec/specs-go/features"
	"gvisor.dev/gvisor/pkg/shim/v1/runsc"
	"gvisor.dev/gvisor/pkg/shim/v1/runsccmd"
	"gvisor.dev/gvisor/pkg/shim/v1/runtimeoptions"
)

// Info implements containerd.Manager. It says what the runtime can do that the
// configuration names, which need not be of this version or ours: containerd
// promises users a recursively read-only mount only where the runtime has them.
func (m manager) Info(ctx context.Context, options io.Reader) (*types.RuntimeInfo, error) {
	binary, err := configuredRuntime(options)
	if err != nil {
		return nil, err
	}
	info, err := m.Manager.Info(ctx, nil)
	if err != nil {
		return nil, err
	}
	f, err := askFeatures(ctx, binary)
	if err != nil {
		return nil, err
	}
	info.Features, err = typeurl.MarshalAnyToProto(f)
	return info, err
}

// configuredRuntime finds the runtime as gVisor's shim does when it creates a
// container (pkg/shim/v1/runsc/container.go, NewContainer).
func configuredRuntime(options io.Reader) (string, error) {
	o, err := containerd.ReadRuntimeOptions[*runtimeoptions.Options](options)
	if err != nil && !errors.Is(err, errdefs.ErrNotFound) {
		return "", fmt.Errorf("runtime options: %w", err)
	}
	var config runsc.Options
	if path := o.GetConfigPath(); path != "" {
		if _, err := toml.DecodeFile(path, &config); err != nil {
			return "", fmt.Errorf("configuration file %q: %w", path, err)
		}
	}
	if config.BinaryName == "" {
		return runsccmd.DefaultCommand, nil
	}
	return config.BinaryName, nil
}

func askFeatures(ctx context.Context, binary string) (*specs.Features, error) {
	out, err := exec.CommandContext(ctx, binary, "features").Output()
	if err != nil {
		return nil, fmt.Errorf("asking %q what it can do: %w", binary, err)
	}
	f := &specs.Features{}
	if err := json.Unmarshal(out, f); err != nil {
		return nil, fmt.Errorf("what %q features writes: %w", binary, err)
	}
	return f, nil
}
