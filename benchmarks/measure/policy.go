package measure

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"time"

	"github.com/directfs/runsc/benchmarks/results"
	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// PolicyMounts are the numbers of mounts for which the decision is measured.
var PolicyMounts = []int{1, 10, 100, 1_000, 10_000, 100_000}

// Policy measures the decision alone: from an OCI spec to a Plan, and of that
// the part that decides. Every other mount has a hint.
func Policy(ctx context.Context, rounds int, sample time.Duration, p *Progress) ([]results.PolicySeries, error) {
	var all []results.PolicySeries
	p.begin(2 * len(PolicyMounts))
	for _, n := range PolicyMounts {
		spec := policySpec(n)
		request, err := ociconfig.Request(spec, ociconfig.Options{Flag: true})
		if err != nil {
			return nil, fmt.Errorf("request for %d mounts: %w", n, err)
		}
		for _, f := range []struct {
			name string
			call func() error
		}{
			{"directfspolicy.Resolve", func() error { _, err := directfspolicy.Resolve(request); return err }},
			{"ociconfig.Plan", func() error { _, err := ociconfig.Plan(spec, ociconfig.Options{Flag: true}); return err }},
		} {
			p.step(fmt.Sprintf("%s, %d mounts", f.name, n))
			s := results.PolicySeries{Function: f.name, Mounts: n}
			for range rounds {
				if err := ctx.Err(); err != nil {
					return nil, err
				}
				ns, allocs, err := calls(f.call, sample)
				if err != nil {
					return nil, fmt.Errorf("%s for %d mounts: %w", f.name, n, err)
				}
				s.Nanoseconds = append(s.Nanoseconds, results.Value(ns/float64(n)))
				s.Allocations = allocs / float64(n)
			}
			all = append(all, s)
		}
	}
	return all, nil
}

// calls returns nanoseconds and allocations of one call, the mean over a
// sample. Collecting the garbage is part of the cost.
func calls(call func() error, sample time.Duration) (ns, allocs float64, err error) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	n, began := 0, time.Now()
	elapsed := time.Duration(0)
	for n == 0 || elapsed < sample {
		if err := call(); err != nil {
			return 0, 0, err
		}
		n++
		elapsed = time.Since(began)
	}
	runtime.ReadMemStats(&after)
	return float64(elapsed.Nanoseconds()) / float64(n), float64(after.Mallocs-before.Mallocs) / float64(n), nil
}

func policySpec(mounts int) *specs.Spec {
	s := &specs.Spec{
		Version: specs.Version, Root: &specs.Root{Path: "/rootfs"},
		Linux: &specs.Linux{}, Process: &specs.Process{},
	}
	for i := range mounts {
		n := strconv.Itoa(i)
		m := specs.Mount{Destination: "/volumes/" + n, Source: "/srv/volumes/" + n, Type: "bind", Options: []string{"rw"}}
		if i%2 == 1 {
			m.Options = append(m.Options, optionOff)
		}
		s.Mounts = append(s.Mounts, m)
	}
	return s
}
