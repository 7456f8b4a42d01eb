package report

import (
	"testing"

	"github.com/directfs/runsc/benchmarks/measure"
	"github.com/directfs/runsc/benchmarks/results"
	"github.com/directfs/runsc/benchmarks/volumes"
)

// volumesExample has six rounds in which the values go up and down together.
func volumesExample() *results.Results {
	r := example()
	r.Configs, r.Series, r.Policy = nil, nil, nil
	r.Workloads = []results.Workload{
		{Name: "seq-read-64-warm", Kind: results.Program, About: "read again"},
		{Name: "stat-storm-cold", Kind: results.Operation, About: "lstat for the first time"},
		{Name: "small-files-warm", Kind: results.Operation, About: "read again"},
		{Name: "git-status-warm", Kind: results.Program, About: "status again"},
	}
	addVolume(r, volumes.HostClient, 1)
	addVolume(r, "rclone", 4)
	addVolume(r, "s3fs", 6)
	addVolume(r, "s3fs-exclusive", 3)
	addVolume(r, volumes.OurClient, 1.5)
	addVolume(r, measure.VolumeName(volumes.OurClient, true), 1.2)
	return r
}

func addVolume(r *results.Results, config string, factor float64) {
	r.Configs = append(r.Configs, results.Config{Name: config, About: "about " + config})
	for _, drift := range []float64{1, 1.1, 1.2, 1.1, 1, 0.95} {
		r.Add(config, "seq-read-64-warm", 1, 8e6*factor*drift)
		r.Add(config, "stat-storm-cold", 1, 20_000*factor*drift)
		r.Add(config, "small-files-warm", 1, 40_000*factor*drift)
		r.Add(config, "small-files-warm", 16, 20_000*factor*factor*drift)
		r.Add(config, "git-status-warm", 1, 50e6*factor*drift)
	}
}

func TestVolumesGolden(t *testing.T) {
	checkGolden(t, "volumes.md", VolumesMarkdown(volumesExample()))
}

func TestVolumeGoals(t *testing.T) {
	r := volumesExample()
	verdicts := map[string]Verdict{}
	for _, g := range VolumeGoals(r) {
		_, v := judge(r, g)
		verdicts[row{results.Workload{Name: g.Workload}, g.Workers}.name()+" "+g.Config+" "+g.Base] = v
	}
	want := map[string]Verdict{
		"seq-read-64-warm ours rclone": NotMet, "stat-storm-cold ours rclone": Met,
		"small-files-warm ours rclone": Met, "small-files-warm ×16 ours rclone": Met,
		"seq-read-64-warm ours-exclusive s3fs-exclusive": NotMet, "stat-storm-cold ours-exclusive s3fs-exclusive": Met,
		"small-files-warm ours-exclusive s3fs-exclusive": Met, "small-files-warm ×16 ours-exclusive s3fs-exclusive": Met,
	}
	if len(verdicts) != len(want) {
		t.Errorf("%d goals, want %d", len(verdicts), len(want))
	}
	for name, v := range want {
		if verdicts[name] != v {
			t.Errorf("%s: %q, want %q", name, verdicts[name], v)
		}
	}
}

// Without another client there is nothing to compare with.
func TestVolumeGoalsNeedCompetitors(t *testing.T) {
	r := volumesExample()
	r.Series = nil
	addVolume(r, volumes.OurClient, 1)
	if goals := VolumeGoals(r); len(goals) > 0 {
		t.Errorf("goals without a competitor: %+v", goals)
	}
}
