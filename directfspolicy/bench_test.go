package directfspolicy

import (
	"fmt"
	"testing"
)

// bigRequest has mounts of every backend, with and without hints.
func bigRequest(mounts int) Request {
	r := Request{Container: Container{Flag: true, Scope: PodSandbox}, Rootfs: Mount{Backend: StockGofer}}
	for i := range mounts {
		b := allServers[i%len(allServers)]
		settings := hintsFor(b)
		r.Mounts = append(r.Mounts, hinted(fmt.Sprintf("/mnt/%d", i), b, settings[i/len(allServers)%len(settings)]))
	}
	return r
}

func BenchmarkResolve(b *testing.B) {
	for _, mounts := range []int{1, 10, 100, 1_000, 10_000, 100_000} {
		r := bigRequest(mounts)
		b.Run(fmt.Sprintf("mounts=%d", mounts), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Resolve(r); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(mounts), "ns/mount")
		})
	}
}

// The work grows with the number of mounts and no faster. Allocations stand
// for work here: unlike time, their number is the same on every machine.
func TestAllocationsAreLinear(t *testing.T) {
	allocs := func(mounts int) float64 {
		r := bigRequest(mounts)
		return testing.AllocsPerRun(5, func() {
			if _, err := Resolve(r); err != nil {
				t.Fatal(err)
			}
		})
	}
	small, big := allocs(1_000), allocs(10_000)
	if perMount := big / 10_000; perMount > 1 {
		t.Errorf("%.2f allocations for each of 10,000 mounts", perMount)
	}
	if big > 10*small {
		t.Errorf("%.0f allocations for 1,000 mounts and %.0f for 10,000", small, big)
	}
}
