package volume_test

import (
	"context"
	"fmt"
	"io/fs"
	"log"
	"os/signal"
	"syscall"

	"github.com/directfs/runsc/pkg/volume"
)

// A daemon that serves what resolve knows until it is told to end. The operator
// registers it at the runtime: --volume-daemon=mine=unix:/run/mine.sock
func ExampleServe() {
	resolve := func(ctx context.Context, r volume.Request) (volume.Source, error) {
		return volume.Source{}, fmt.Errorf("no volume %s: %w", r.Volume, fs.ErrNotExist)
	}

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	l, err := volume.Listen("/run/mine.sock")
	if err != nil {
		log.Fatal(err)
	}
	if err := volume.Serve(ctx, l, resolve, volume.ServeOptions{}); err != nil {
		log.Fatal(err)
	}
}
