package kubepolicy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/directfs/runsc/pkg/kubepolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
)

// large is a pod with so many containers, each with so many mounts, of volumes
// of which so many have a hint.
func large(containers, mounts, hints int, hint string) []byte {
	var volumes, notes, cts []string
	for i := range max(mounts, hints) {
		volumes = append(volumes, fmt.Sprintf(`{"name":"v%d","configMap":{}}`, i))
	}
	for i := range hints {
		notes = append(notes, fmt.Sprintf(`"dev.gvisor.spec.mount.v%d.type":"bind","dev.gvisor.spec.mount.v%d.%s"`, i, i, hint))
	}
	for i := range containers {
		var ms []string
		for j := range mounts {
			ms = append(ms, fmt.Sprintf(`{"name":"v%d","mountPath":"/m%d","subPath":"s"}`, j, j))
		}
		cts = append(cts, fmt.Sprintf(`{"name":"c%d","volumeMounts":[%s]}`, i, strings.Join(ms, ",")))
	}
	return fmt.Appendf(nil, `{"metadata":{"annotations":{%s}},"spec":{"volumes":[%s],"containers":[%s]}}`,
		strings.Join(notes, ","), strings.Join(volumes, ","), strings.Join(cts, ","))
}

// What hostile pods cost: these are as large as the API server lets a pod be, or
// as tooMuch does.
func BenchmarkCheck(b *testing.B) {
	for name, pod := range map[string][]byte{
		"1 container, 3 mounts":                large(1, 3, 1, `directfs":"off`),
		"10 containers, 20 mounts, 10 hints":   large(10, 20, 10, `directfs":"off`),
		"1 container, 10000 mounts":            large(1, 10000, 0, ``),
		"1 container, 3000 mounts and hints":   large(1, 3000, 3000, `directfs":"off`),
		"1 container, 3000 exclusive":          large(1, 3000, 3000, `cache":"exclusive`),
		"1 container, 3000 bad hints":          large(1, 3000, 3000, `directfs":"maybe`),
		"50 containers, 100 mounts and hints":  large(50, 100, 100, `cache":"exclusive`),
		"500 containers, 20 mounts, 180 hints": large(500, 20, 180, `directfs":"off`),
		"500 containers, 20 exclusive":         large(500, 20, 20, `cache":"exclusive`),
		"too large":                            large(10000, 1, 1000, `directfs":"off`),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(pod)))
			for b.Loop() {
				p, err := kubepolicy.ParsePod(pod)
				if err != nil {
					b.Fatal(err)
				}
				kubepolicy.Check(p, ociconfig.Options{Flag: true})
			}
		})
	}
}
