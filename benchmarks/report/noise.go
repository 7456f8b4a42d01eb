package report

import (
	"fmt"
	"slices"

	"github.com/directfs/runsc/benchmarks/results"
	"github.com/directfs/runsc/benchmarks/stats"
	"github.com/directfs/runsc/benchmarks/volumes"
)

// A machine is too noisy above any of these. docs/benchmarks.md says why.
const (
	// maxLoad is the load average of the minute before the run, for each CPU.
	maxLoad = 0.5

	// maxSteal is the percentage of CPU time that other guests of the
	// hypervisor had.
	maxSteal = 1.0

	// maxSpinSpread is the spread of a computation that makes no system call.
	maxSpinSpread = 0.05

	// maxFloorSpread is the spread of one workload natively. Above it, the
	// rows of this workload are marked.
	maxFloorSpread = 0.25
)

// floor is the configuration whose own spread is the machine's: the host itself,
// or for volumes a directory of the host.
const floor = "native"

var floors = []string{floor, volumes.HostClient}

// Noisy returns what says that the machine had other things to do, in plain
// lines. Without any, the figures are as good as their intervals.
func Noisy(r *results.Results) (reasons []string) {
	n := r.Noise
	if perCPU := n.LoadBefore / float64(max(r.Machine.CPUs, 1)); perCPU > maxLoad {
		reasons = append(reasons, fmt.Sprintf("the load average before the run was %.2f for each CPU, more than %.2f: something else was running", perCPU, maxLoad))
	}
	if n.StealPercent > maxSteal {
		reasons = append(reasons, fmt.Sprintf("the hypervisor kept %.1f %% of the CPU time for others, more than %.1f %%", n.StealPercent, maxSteal))
	}
	if s := stats.Spread(results.Floats(n.Spin)); s > maxSpinSpread {
		reasons = append(reasons, fmt.Sprintf("a computation without system calls spread by %.0f %%, more than %.0f %%", 100*s, 100*maxSpinSpread))
	}
	return reasons
}

// shaky says whether the host's own figures for a workload spread so much that
// those of containers say little.
func shaky(r *results.Results, workload string, workers int) bool {
	return slices.ContainsFunc(floors, func(f string) bool {
		values := r.Values(f, workload, workers)
		return len(values) > 0 && stats.Spread(values) > maxFloorSpread
	})
}
