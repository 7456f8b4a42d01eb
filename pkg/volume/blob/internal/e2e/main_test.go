package e2e

import (
	"context"
	"os"
	"testing"

	"github.com/directfs/runsc/pkg/volume/blob/internal/volumed"
	"github.com/directfs/runsc/runsc/harness"
)

// asVolumed makes the test's program volumed. Workers inherit it.
const asVolumed = "TEST_AS_VOLUMED"

func TestMain(m *testing.M) {
	if os.Getenv(asVolumed) != "" {
		os.Exit(volumed.Main(context.Background(), os.Args[1:]))
	}
	os.Exit(harness.Main(m))
}
