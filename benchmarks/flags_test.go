package main

import (
	"testing"

	"github.com/directfs/runsc/benchmarks/measure"
	"github.com/directfs/runsc/benchmarks/stats"
	"github.com/directfs/runsc/benchmarks/workload"
)

func TestFlags(t *testing.T) {
	full, err := parse(nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(full.configs) != len(measure.Configs) || len(full.workloads) != len(workload.List) || len(full.oneCPU) == 0 || !full.memory || !full.policy {
		t.Errorf("without flags not everything is measured: %+v", full)
	}
	quick, err := parse([]string{"-quick"})
	if err != nil {
		t.Fatal(err)
	}
	if quick.count < stats.MinSamples || quick.count >= full.count || quick.sample >= full.sample || len(quick.configs) >= len(full.configs) || quick.oneCPU != nil {
		t.Errorf("quick: %d rounds of %v, %d configurations", quick.count, quick.sample, len(quick.configs))
	}
	some, err := parse([]string{"-configs=runc,native", "-workloads=stat,start", "-count=3", "-quick"})
	if err != nil {
		t.Fatal(err)
	}
	if len(some.configs) != 2 || some.configs[0].Name != "native" || len(some.workloads) != 1 || some.memory || some.starts() == nil || some.count != 3 {
		t.Errorf("some: %+v", some)
	}
}

func TestFlagErrors(t *testing.T) {
	for _, args := range [][]string{{"-configs=x"}, {"-workloads=x"}, {"-count=-1"}, {"more"}} {
		if _, err := parse(args); err == nil {
			t.Errorf("no error for %q", args)
		}
	}
}
