// Program containerd-shim-runsc-v1 is the containerd shim of this runtime:
// gVisor's, which also works where it may not lower its out-of-memory score, runs
// containers that belong to no pod, and finds the volume of a pod that a hint is
// for by its name.
package main

import (
	"context"

	containerd "github.com/containerd/containerd/v2/pkg/shim"
	gvisor "gvisor.dev/gvisor/pkg/shim/v1"
	"gvisor.dev/gvisor/pkg/shim/v1/extension"

	// Serves the task service.
	_ "gvisor.dev/gvisor/pkg/shim/v1/plugin"
)

// runtimeName is what containerd's configuration calls this shim.
const runtimeName = "io.containerd.runsc.v1"

func main() {
	extension.NewExtension = prepare
	extension.NewPodExtension = prepare
	containerd.Run(context.Background(), manager{gvisor.NewShimManager(runtimeName)})
}
