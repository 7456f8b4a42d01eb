package memory_test

import (
	"testing"

	"github.com/directfs/runsc/pkg/volume"
	"github.com/directfs/runsc/pkg/volume/memory"
	"github.com/directfs/runsc/pkg/volume/volumetest"
)

func TestConformance(t *testing.T) {
	for name, o := range map[string]memory.Options{
		"plain":    {},
		"donating": {DonateFiles: true},
	} {
		t.Run("read-write "+name, func(t *testing.T) {
			volumetest.Run(t, volumetest.Backend{
				Open:    func(testing.TB) volume.Volume { return memory.New(o) },
				Donates: o.DonateFiles,
			})
		})
		t.Run("read-only "+name, func(t *testing.T) {
			volumetest.Run(t, volumetest.Backend{
				Open: func(t testing.TB) volume.Volume {
					v := memory.New(o)
					volumetest.Fill(t, v, volumetest.Sample())
					return v.ReadOnly()
				},
				Want:    volumetest.Sample(),
				Donates: o.DonateFiles,
			})
		})
	}
}
