package main

import (
	"slices"
	"testing"

	"github.com/directfs/runsc/benchmarks/measure"
	"github.com/directfs/runsc/benchmarks/stats"
	"github.com/directfs/runsc/benchmarks/workload"
)

func TestOverlaysFlags(t *testing.T) {
	full, err := parseOverlays(nil)
	if err != nil {
		t.Fatal(err)
	}
	if o := full.options(nil); len(o.Configs) != len(measure.OverlayConfigs) || len(o.Workloads) != len(workload.Overlays) || len(o.OneCPU) == 0 ||
		!o.RunTrue || !slices.Equal(o.Starts, []int{1, 10, 100}) || o.Rounds < stats.MinSamples || o.OneCPUSets != fullOverlaySets {
		t.Errorf("without flags not everything is measured: %+v", o)
	}
	quick, err := parseOverlays([]string{"-quick"})
	if err != nil {
		t.Fatal(err)
	}
	if quick.count < stats.MinSamples || quick.sample >= full.sample || len(quick.configs) >= len(full.configs) || quick.options(nil).OneCPUSets >= fullOverlaySets {
		t.Errorf("quick: %+v", quick)
	}
	some, err := parseOverlays([]string{"-quick", "-configs=ours-host,runc", "-workloads=copy-up", "-count=3"})
	if err != nil {
		t.Fatal(err)
	}
	if o := some.options(nil); len(o.Configs) != 2 || o.Configs[0].Name != "runc" || len(o.Workloads) != 1 || o.OneCPU != nil || o.RunTrue || o.Starts != nil || o.Rounds != 3 {
		t.Errorf("some: %+v", o)
	}
}

func TestOverlaysFlagErrors(t *testing.T) {
	for _, args := range [][]string{{"-configs=x"}, {"-workloads=x"}, {"-workloads=untar"}, {"-count=-1"}, {"more"}} {
		if _, err := parseOverlays(args); err == nil {
			t.Errorf("no error for %q", args)
		}
	}
}
