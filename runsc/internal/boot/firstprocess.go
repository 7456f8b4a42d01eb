package boot

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/engine"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/flag"
	"gvisor.dev/gvisor/runsc/specutils"
)

// addFirstProcess makes the spec that the engine's command reads one of a container
// whose first process mounts overlays, where the plan has any that the sentry makes.
// A process that executes itself again finds that done.
func addFirstProcess(f *flag.FlagSet, conf *config.Config, raw []byte, plan directfspolicy.Plan) ([]byte, error) {
	if !engine.HasFirstProcess(plan) || engine.IsLowered(raw) {
		return raw, nil
	}
	fd, err := unix.MemfdCreate("spec", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), "spec")
	defer file.Close()
	if _, err := file.Write(raw); err != nil {
		return nil, err
	}
	bundle := ""
	if fl := f.Lookup("bundle"); fl != nil {
		bundle = fl.Value.String()
	}
	spec, err := specutils.ReadSpecFromFile(bundle, file, conf)
	if err != nil {
		return nil, fmt.Errorf("reading spec: %w", err)
	}
	if _, err := engine.AddFirstProcess(conf, spec, plan); err != nil {
		return nil, err
	}
	return json.Marshal(spec)
}
