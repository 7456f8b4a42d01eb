package measure

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/directfs/runsc/benchmarks/results"
	"github.com/directfs/runsc/runsc/harness"
)

// RunTrue names the start of a container without mounts.
const RunTrue = "run-true"

func startName(mounts int) string {
	if mounts == 0 {
		return RunTrue
	}
	return "start-" + strconv.Itoa(mounts)
}

func startWorkload(mounts int) results.Workload {
	about := fmt.Sprintf("start to finish of a container with %d mounts", mounts)
	switch mounts {
	case 0:
		about = "start to finish of a container that does nothing"
	case 1:
		about = "the same with 1 mount"
	}
	return results.Workload{Name: startName(mounts), Kind: results.Start, About: about}
}

// starter starts containers that do nothing and takes the time.
type starter struct {
	*place

	// bundles are what is started, by the name of the workload.
	bundles map[string]*harness.Bundle
}

func newStarter(l *place, mounts []int) (starter, error) {
	s := starter{l, map[string]*harness.Bundle{}}
	for _, n := range mounts {
		if l.Kind == Native {
			continue // a process has no mounts of its own
		}
		var err error
		if s.bundles[startName(n)], err = l.starting(n); err != nil {
			return s, err
		}
	}
	return s, nil
}

// can says whether the configuration has something to start by this name. The
// host has processes without mounts of their own.
func (s starter) can(name string) bool {
	return s.bundles[name] != nil || s.Kind == Native && name == RunTrue
}

// measure returns the nanoseconds from the start of the command to its end,
// when the container is deleted.
func (s starter) measure(ctx context.Context, name string) (float64, error) {
	cmd := s.command(ctx, s.bundles[name], "true")
	began := time.Now()
	out, err := combined(cmd)
	elapsed := time.Since(began)
	if err != nil {
		return 0, fmt.Errorf("%w: %s", err, strings.TrimSpace(out))
	}
	return float64(elapsed.Nanoseconds()), nil
}

func combined(cmd *exec.Cmd) (string, error) {
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}
