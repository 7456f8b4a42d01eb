// Command volumedaemon serves the volumes of the end-to-end tests: volumedaemon
// SOCKET DIR [CALL-TIMEOUT].
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/directfs/runsc/pkg/volume"
	"github.com/directfs/runsc/runsc/internal/e2e/volumes"
	"golang.org/x/sys/unix"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGTERM)
	defer stop()
	l, err := volume.Listen(os.Args[1])
	if err == nil {
		if !l.IsWorker() {
			fmt.Println("listening")
		}
		o := volume.ServeOptions{Limits: volume.Limits{CallTimeout: 2 * time.Second}, DrainTimeout: time.Second}
		if len(os.Args) > 3 {
			o.Limits.CallTimeout, err = time.ParseDuration(os.Args[3])
		}
		err = errors.Join(err, volume.Serve(ctx, l, volumes.Resolver(os.Args[2]), o))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
