package ociconfig_test

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/directfs/runsc/directfspolicy"
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

// A container that joins a pod's sandbox is decided by its own hints and the
// pod's. The sandbox was started for the pod's first container, so the plans of
// the two have to fit.
func ExampleAdmit() {
	pod := &specs.Spec{
		Root: &specs.Root{Path: "rootfs"},
		Annotations: map[string]string{
			"dev.gvisor.spec.mount.data.source":   "/srv/data",
			"dev.gvisor.spec.mount.data.directfs": "off",
		},
	}
	ociconfig.SetScope(pod, directfspolicy.PodSandbox)
	running, err := ociconfig.Plan(pod, ociconfig.Options{Flag: false, Bundle: "/pod"})
	if err != nil {
		fmt.Println(err)
		return
	}

	member := &specs.Spec{
		Root: &specs.Root{Path: "rootfs"},
		Mounts: []specs.Mount{
			{Destination: "/data", Type: "bind", Source: "/srv/data/in"},
			{Destination: "/fast", Type: "bind", Source: "/srv/fast", Options: []string{"directfs=on"}},
		},
	}
	ociconfig.SetScope(member, directfspolicy.PodMember)
	joining, err := ociconfig.Plan(member, ociconfig.Options{Flag: false, Bundle: "/member", Pod: pod})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("raised:", running.Sandbox().Raised, "donate:", joining.Donations())

	err = ociconfig.Admit(running, joining)
	fmt.Println("refused:", errors.Is(err, directfspolicy.ErrSandboxNotRaised))
	fmt.Println("together:", joining.Coexist("member", running, "pod"))
	// Output:
	// raised: false donate: [/fast]
	// refused: true
	// together: <nil>
}
