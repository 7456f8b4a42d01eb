package gofer

import (
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// BenchmarkIsolate is what isolation adds to the start of a container with a
// rootfs and a number of mounts, all with directfs.
func BenchmarkIsolate(b *testing.B) {
	for _, n := range []int{1, 10, 100} {
		for _, nested := range []bool{false, true} {
			if nested && n != 10 {
				continue // one is not nested, and 100, each below the one before, are nobody's
			}
			b.Run(fmt.Sprintf("mounts=%d,nested=%v", n, nested), func(b *testing.B) { benchmarkIsolate(b, n, nested) })
		}
	}
}

func benchmarkIsolate(b *testing.B, n int, nested bool) {
	p := newScene(b)
	conns := []connection{p.root()}
	path := ""
	for i := range n {
		if !nested {
			path = ""
		}
		path += fmt.Sprintf("/m%d", i)
		conns = append(conns, p.mount(p.source(fmt.Sprintf("m%d", i)), path))
	}
	b.ResetTimer()
	for range b.N {
		p.must(takeTrees(conns, nil))
		p.must(placeAll(conns))
		p.must(restrict(conns))
		namespace, err := isolate(conns)
		p.must(err)
		b.StopTimer()
		p.must(unix.Close(namespace))
		p.undo(conns)
		b.StartTimer()
	}
	b.ReportMetric(float64((b.Elapsed() / time.Duration(b.N*len(conns))).Nanoseconds()), "ns/mount")
}
