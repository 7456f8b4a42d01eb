package enginetest

import (
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
	"github.com/directfs/runsc/runsc/internal/engine"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"gvisor.dev/gvisor/runsc/config"
)

// AcceptMountOptions prepares the engine as the sandbox process does.
func AcceptMountOptions() { engine.AcceptMountOptions() }

// RegisterGofers registers the backends that drawn hints name: blob, another
// process that cannot donate, and zip, which can.
func RegisterGofers() {
	answer := func(g directfspolicy.Gofer) ociconfig.GoferFunc {
		return func(ociconfig.GoferQuery) (directfspolicy.Gofer, error) { return g, nil }
	}
	registered = map[string]ociconfig.GoferFunc{
		"blob": answer(directfspolicy.Gofer{Outside: true}),
		"zip":  answer(directfspolicy.Gofer{DonatesRoot: true}),
	}
}

var registered map[string]ociconfig.GoferFunc

// optionsOf is what the runtime knows beside the spec.
func optionsOf(conf *config.Config, pod *specs.Spec) ociconfig.Options {
	o := engine.Options(conf, pod)
	o.Gofers = registered
	return o
}

// ParseBytes gives any bytes to the readers of the sandbox process. Each must
// return a value or an error, and not both.
func ParseBytes(raw []byte) error {
	if low, _, err := engine.LowerSpec(raw, directfspolicy.Plan{}); (low == nil) == (err == nil) {
		return fmt.Errorf("lowered %s and error %v", low, err)
	}
	if p, list, _, err := engine.Unwrap(raw); err != nil && (list != nil || !reflect.DeepEqual(p, directfspolicy.Plan{})) {
		return fmt.Errorf("unwrapped %v, %s and error %v", p, list, err)
	}
	return nil
}

// StoreAndLoad encodes the Plan as it is kept with a container, and fails where
// it reads another one back.
func StoreAndLoad(p directfspolicy.Plan) error {
	b, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("storing %v: %w", p, err)
	}
	var back directfspolicy.Plan
	if err := json.Unmarshal(b, &back); err != nil || !reflect.DeepEqual(back, p) {
		return fmt.Errorf("stored %v, read %v: %w", p, back, err)
	}
	return nil
}
