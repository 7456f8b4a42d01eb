package engine

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/flag"
	"gvisor.dev/gvisor/runsc/specutils"
)

const flagPrefix = "dev.gvisor.flag." // runsc/specutils/specutils.go:50

// applying is held while annotations are applied: the engine reads their values
// by means of the flags of the command line (runsc/config/flags.go:433).
var applying sync.Mutex

// ApplyFlags applies the annotations that set the engine's flags to conf, as the
// engine does. The engine names one that it refuses, by chance; the error joins
// them all.
func ApplyFlags(conf *config.Config, spec *specs.Spec) error {
	var keys []string
	for _, key := range slices.Sorted(maps.Keys(spec.Annotations)) {
		if strings.HasPrefix(key, flagPrefix) || strings.HasPrefix(key, configBundlePrefix) {
			keys = append(keys, key)
		}
	}
	if len(keys) > 0 {
		applying.Lock()
		defer applying.Unlock()
	}
	before := *conf
	err := specutils.FixConfig(conf, spec)
	if err == nil {
		return nil
	}
	var all []error
	for _, key := range keys {
		one, value := before, spec.Annotations[key]
		if name, ok := strings.CutPrefix(key, flagPrefix); ok {
			all = append(all, one.Override(flag.CommandLine, name, value, false))
			continue
		}
		all = append(all, specutils.FixConfig(&one, &specs.Spec{Annotations: map[string]string{key: value}}))
	}
	if refused := errors.Join(all...); refused != nil {
		return refused
	}
	return err // of several that are right alone
}
