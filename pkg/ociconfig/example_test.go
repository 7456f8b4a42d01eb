package ociconfig_test

import (
	"encoding/json"
	"fmt"

	"github.com/directfs/runsc/pkg/ociconfig"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// From the JSON of a spec to a Plan, as a program does that starts containers
// by other means.
func Example() {
	const config = `{
		"root": {"path": "rootfs"},
		"mounts": [
			{"destination": "/data", "type": "bind", "source": "/srv/data"},
			{"destination": "/cache", "type": "bind", "source": "/srv/cache", "options": ["directfs=off"]}
		],
		"annotations": {
			"dev.gvisor.spec.rootfs.directfs": "off",
			"dev.gvisor.spec.mount.data.source": "/srv/data",
			"dev.gvisor.spec.mount.data.directfs": "on"
		}
	}`
	var spec specs.Spec
	if err := json.Unmarshal([]byte(config), &spec); err != nil {
		fmt.Println(err)
		return
	}
	plan, err := ociconfig.Plan(&spec, ociconfig.Options{Flag: true, Bundle: "/bundle"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, d := range plan.Decisions() {
		fmt.Println(d.Mount, d.Access, d.WhyAccess)
	}
	fmt.Println("donate:", plan.Donations())
	// Output:
	// / lisafs hint dev.gvisor.spec.rootfs.directfs=off
	// /data directfs hint dev.gvisor.spec.mount.data.directfs=on
	// /cache lisafs hint mount option directfs=off
	// donate: [/data]
}

func ExampleSetMountHint() {
	spec := &specs.Spec{Mounts: []specs.Mount{{Destination: "/data", Type: "bind", Source: "/srv/data"}}}
	ociconfig.SetMountHint(&spec.Mounts[0], "on")
	plan, err := ociconfig.Plan(spec, ociconfig.Options{})
	fmt.Println(plan.Donations(), err)
	// Output: [/data] <nil>
}
