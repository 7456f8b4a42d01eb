package hostdir_test

import (
	"testing"

	"github.com/directfs/runsc/pkg/volume"
	"github.com/directfs/runsc/pkg/volume/hostdir"
	"github.com/directfs/runsc/pkg/volume/volumetest"
)

func TestConformance(t *testing.T) {
	volumetest.Run(t, volumetest.Backend{
		Open: func(t testing.TB) volume.Volume {
			v, err := hostdir.Open(t.TempDir(), hostdir.Options{})
			if err != nil {
				t.Fatal(err)
			}
			return v
		},
		Donates: true, DonatesRoot: true, Local: true,
	})
}
