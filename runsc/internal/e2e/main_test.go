package e2e

import (
	"os"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }
