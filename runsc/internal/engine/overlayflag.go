package engine

import (
	"fmt"
	"slices"
	"strings"

	"github.com/directfs/runsc/pkg/ociconfig"
)

// OverlayFlag is --overlay-driver, which the engine's configuration does not know.
// No annotation can set it; see HintsFlag.
type OverlayFlag struct{ driver ociconfig.OverlayDriver }

// Overlay is the flag of this process's command line.
var Overlay = OverlayFlag{ociconfig.OverlayHost}

// String implements flag.Value.String.
func (f *OverlayFlag) String() string { return string(f.driver) }

// Get implements flag.Getter, which the engine asks of every flag.
func (f *OverlayFlag) Get() any { return f.driver }

// Set implements flag.Value.Set. It refuses an unknown value.
func (f *OverlayFlag) Set(value string) error {
	if !slices.Contains(ociconfig.OverlayDrivers, value) {
		return fmt.Errorf("unknown overlay driver %q, want %s", value, strings.Join(ociconfig.OverlayDrivers, ", "))
	}
	f.driver = ociconfig.OverlayDriver(value)
	return nil
}
