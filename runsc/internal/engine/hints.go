package engine

import "github.com/directfs/runsc/directfspolicy"

// HintsFlag is --directfs-hints, the operator's ceiling, which the engine's
// configuration does not know. No annotation can set it: the engine overrides
// flags of its own configuration alone (runsc/config/flags.go:410), and refuses
// the annotation of any other.
type HintsFlag struct{ ceiling directfspolicy.Ceiling }

// Hints is the flag of this process's command line.
var Hints HintsFlag

// String implements flag.Value.String.
func (f *HintsFlag) String() string { return f.ceiling.String() }

// Get implements flag.Getter, which the engine asks of every flag.
func (f *HintsFlag) Get() any { return f.ceiling }

// Set implements flag.Value.Set. It refuses an unknown value.
func (f *HintsFlag) Set(value string) error {
	c, err := directfspolicy.ParseCeiling(value)
	if err != nil {
		return err
	}
	f.ceiling = c
	return nil
}
