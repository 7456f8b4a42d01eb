package e2e

import (
	goflag "flag"
	"fmt"
	"os"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
)

func TestMain(m *testing.M) {
	// Tests that only wait for a time-out wait beside all others; slots bounds
	// those that do more. A flag of the command line is read later and counts.
	if err := goflag.Set("test.parallel", "32"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	os.Exit(harness.Main(m))
}
