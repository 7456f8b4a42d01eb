// Command volumed serves object stores as volumes of containers.
package main

import (
	"context"
	"os"

	"github.com/directfs/runsc/pkg/volume/blob/internal/volumed"
)

func main() { os.Exit(volumed.Main(context.Background(), os.Args[1:])) }
