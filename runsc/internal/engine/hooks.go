package engine

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"gvisor.dev/gvisor/runsc/specutils"
)

// HasCreateContainerHooks says whether RunCreateContainerHooks runs anything.
func HasCreateContainerHooks(spec *specs.Spec) bool {
	return spec.Hooks != nil && len(spec.Hooks.CreateContainer) > 0
}

// RunCreateContainerHooks runs the hooks of that name in the calling process's
// namespaces, with the state that the engine gives them
// (runsc/cmd/sandboxsetup/gofer_mount.go:220): there is no container process
// yet, so that its PID is -1.
func RunCreateContainerHooks(spec *specs.Spec, id, bundle string) error {
	return specutils.ExecuteHooks(spec.Hooks.CreateContainer, specs.State{
		Version: specs.Version, ID: id, Status: specs.StateCreating, Pid: -1, Bundle: bundle, Annotations: spec.Annotations,
	})
}
