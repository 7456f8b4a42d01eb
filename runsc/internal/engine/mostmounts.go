package engine

import (
	"fmt"

	"github.com/directfs/runsc/directfspolicy"
)

// How many mounts a container can have that a gofer serves: each is an FD that the
// sandbox process gets, and each layer of an overlay of its own is such a mount.
const (
	// mostMounts leaves room below FD 253, where the engine puts the standard streams
	// (runsc/boot/loader.go, startingStdioFD), for what else it numbers from 3 on: 21
	// FDs, one for the file behind an overlay of the rootfs, and four for log files.
	mostMounts = 224

	// mostMountsOfMember is for a container that joins a sandbox: with its standard
	// streams and the file behind an overlay of its rootfs it is all that one message
	// to the sandbox can have (pkg/urpc/urpc.go, maxFiles).
	mostMountsOfMember = 124
)

// checkMostMounts refuses more layers than the sandbox process can be given. The
// engine says "FD 253 is already in use", or "too many files".
func checkMostMounts(p directfspolicy.Plan, instead string) error {
	most := mostMounts
	if p.Container().Scope == directfspolicy.PodMember {
		most = mostMountsOfMember
	}
	served := 0
	for _, d := range p.Decisions() {
		if d.Access != directfspolicy.NoAccess {
			served++
		}
	}
	if served <= most {
		return nil
	}
	return fmt.Errorf("%w: %d mounts are served by a gofer, counting each layer of the sentry's overlays, and with such an overlay at most %d can be: name fewer lower layers, or %s",
		directfspolicy.ErrInvalidRequest, served, most, instead)
}
