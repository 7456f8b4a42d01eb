package main

import (
	"slices"
	"testing"

	"github.com/directfs/runsc/benchmarks/measure"
	"github.com/directfs/runsc/benchmarks/stats"
	"github.com/directfs/runsc/benchmarks/workload"
)

func TestVolumesFlags(t *testing.T) {
	full, err := parseVolumes(nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(full.configs) != len(measure.VolumeConfigs) || len(full.workloads) != len(workload.Volumes) || full.count < stats.MinSamples {
		t.Errorf("without flags not everything is measured: %+v", full)
	}
	quick, err := parseVolumes([]string{"-quick"})
	if err != nil {
		t.Fatal(err)
	}
	if quick.count >= full.count || len(quick.configs) >= len(full.configs) || slices.ContainsFunc(quick.workloads, func(w workload.Workload) bool { return w.Slow }) {
		t.Errorf("quick: %+v", quick)
	}
	some, err := parseVolumes([]string{"-quick", "-configs=s3fs,host", "-workloads=seq-read-512", "-count=3"})
	if err != nil {
		t.Fatal(err)
	}
	if len(some.configs) != 2 || some.configs[0].Name != "host" || len(some.workloads) != 1 || some.count != 3 {
		t.Errorf("some: %+v", some)
	}
}

func TestVolumesFlagErrors(t *testing.T) {
	for _, args := range [][]string{{"-configs=x"}, {"-workloads=x"}, {"-workloads=stat"}, {"-count=-1"}, {"more"}} {
		if _, err := parseVolumes(args); err == nil {
			t.Errorf("no error for %q", args)
		}
	}
}
