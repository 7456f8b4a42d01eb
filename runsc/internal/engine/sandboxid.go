package engine

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"gvisor.dev/gvisor/runsc/specutils"
)

// SandboxID is the identifier of the sandbox that a container runs in: its own,
// or for a member of a pod that of the pod's first container, which is empty if
// the spec does not say it.
func SandboxID(spec *specs.Spec, container string) string {
	if specutils.IsRootContainer(spec) {
		return container
	}
	id, _ := specutils.SandboxID(spec)
	return id
}
