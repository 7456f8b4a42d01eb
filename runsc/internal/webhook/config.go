package webhook

import (
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/directfs/runsc/runsc/internal/shimconfig"
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/flag"
)

// applyConfig reads the shim's configuration file and returns what the runtime's
// options are with the ones that the shim gives it from there. An option on the
// command line as well would make this process decide otherwise than the nodes.
func applyConfig(path string) (*config.Config, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	values, err := shimconfig.Parse(string(b))
	if err != nil {
		return nil, err
	}
	var twice error
	flag.CommandLine.Visit(func(f *flag.Flag) {
		if v, ok := values[f.Name]; ok && twice == nil {
			twice = fmt.Errorf("%s=%q: the command line has --%s=%s too; remove one of the two", f.Name, v, f.Name, f.Value)
		}
	})
	if twice != nil {
		return nil, twice
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if flag.CommandLine.Lookup(name) == nil {
			return nil, fmt.Errorf("%s=%q: no such option of the runtime; remove it: containers do not start with it", name, values[name])
		}
		if err := flag.CommandLine.Set(name, values[name]); err != nil {
			return nil, fmt.Errorf("%s=%q: %w", name, values[name], err)
		}
	}
	return config.NewFromFlags(flag.CommandLine)
}
