package ociconfig_test

import (
	"fmt"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// large has n mounts with a hint each.
func large(n int) *specs.Spec {
	spec := container(notes{})
	for i := range n {
		source := fmt.Sprintf("/src/%d", i)
		spec.Mounts = append(spec.Mounts, bind(fmt.Sprintf("/m%d", i), source, "ro", "rbind"))
		for k, v := range hint(fmt.Sprintf("n%d", i), source+"/", []string{"on", "off"}[i%2]) {
			spec.Annotations[k] = v
		}
	}
	return spec
}

// Time per mount is the same for any number of mounts.
func BenchmarkRequest(b *testing.B) {
	for _, n := range []int{100, 1_000, 10_000} {
		spec := large(n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				if _, err := ociconfig.Plan(spec, ociconfig.Options{Flag: true}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/mount")
		})
	}
}

// Each of many mounts gets what its own hint says, and costs as much as one of
// few. Allocations tell that on a busy machine, too.
func TestLargeSpec(t *testing.T) {
	const n = 10_000
	spec := large(n)
	p, err := ociconfig.Plan(spec, ociconfig.Options{Flag: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Donations()) != 1+n/2 || p.Decisions()[2].Access != directfspolicy.LisaFS {
		t.Errorf("%d donations", len(p.Donations()))
	}
	const limit = 30
	if each := testing.AllocsPerRun(1, func() { _, _ = ociconfig.Plan(spec, ociconfig.Options{Flag: true}) }) / n; each > limit {
		t.Errorf("%v allocations for each of %d mounts, want at most %d", each, n, limit)
	}
}
