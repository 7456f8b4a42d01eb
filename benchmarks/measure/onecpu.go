package measure

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"os/exec"
	"runtime"

	"github.com/directfs/runsc/benchmarks/results"
	"github.com/directfs/runsc/benchmarks/workload"
	"golang.org/x/sys/unix"
)

// oneCPUSets is how often a round measures on one CPU, each time in containers
// of their own. They are many and the samples short because containers differ
// more than samples do.
const (
	oneCPUSets    = 8
	oneCPUShorter = 4
)

// oneCPUName names an operation on one CPU.
func oneCPUName(operation string) string { return operation + "-1cpu" }

func onOneCPU(w workload.Workload) results.Workload {
	return results.Workload{Name: oneCPUName(w.Name), Kind: results.OneCPU, About: w.Name + ", all processes of a container on one CPU"}
}

// oneCPU compares operations where a guest, its sandbox and its gofer share a
// CPU. On more than one, systrap's threads wait for each other in busy loops or
// asleep, as each sandbox decides while it runs
// (pkg/sentry/platform/systrap/metrics.go): then what a sandbox happened to
// decide outweighs what is compared.
func (r *run) oneCPU(ctx context.Context, round int) error {
	var places []*place
	for _, l := range r.places {
		if l.OneCPU {
			places = append(places, l)
		}
	}
	if len(r.OneCPU) == 0 || len(places) == 0 {
		return nil
	}
	for set := range oneCPUSets {
		err := r.inGuests(ctx, places, startOnOneCPU, func(guests []*guest) error {
			return r.oneCPUSet(ctx, guests, round, round*oneCPUSets+set)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// oneCPUSet measures all operations in guests. set counts the sets of all rounds.
func (r *run) oneCPUSet(ctx context.Context, guests []*guest, round, set int) error {
	for step, w := range r.OneCPU {
		name := oneCPUName(w.Name)
		r.Progress.step(fmt.Sprintf("round %d of %d: %s", round+1, r.Rounds, name))
		if err := r.measure(ctx, guests, cell{w, 1}, name, r.Sample/oneCPUShorter, set, step); err != nil {
			return err
		}
	}
	return nil
}

// startOnOneCPU starts a command on the last CPU that this process may use. What
// the command starts inherits that from the thread that it is started by
// (sched_setaffinity(2)).
func startOnOneCPU(cmd *exec.Cmd) (err error) {
	runtime.LockOSThread() // without the end, the thread ends with the goroutine
	var all, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return err
	}
	for cpu := range len(all) * bits.UintSize {
		if all.IsSet(cpu) {
			one.Zero()
			one.Set(cpu)
		}
	}
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		return err
	}
	err = cmd.Start()
	if undo := unix.SchedSetaffinity(0, &all); undo != nil {
		return errors.Join(err, undo)
	}
	runtime.UnlockOSThread()
	return err
}
