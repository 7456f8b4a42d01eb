package volumes

import (
	"slices"

	"github.com/directfs/runsc/directfspolicy"
)

// Calls are the system calls (syscalls(2)), sorted, that the backends of this
// program declare for the mounts that they serve in the gofer process. It may
// make them beside those of the Plan's sets.
func Calls(plan directfspolicy.Plan) []string {
	var all []string
	for _, d := range plan.Decisions() {
		all = append(all, CallsFor(d)...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// CallsFor are those for one mount, as the backend has them.
func CallsFor(d directfspolicy.Decision) []string {
	if d.Access != directfspolicy.LisaFS || d.Outside {
		return nil
	}
	return registered.backends[d.Gofer.Backend].Syscalls
}
