package engine

import (
	"slices"
	"strings"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/moby/sys/capability"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"gvisor.dev/gvisor/pkg/sentry/platform"
	"gvisor.dev/gvisor/runsc/cmd/sentry/sentrycmd"
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/fsgofer/extension"
	"gvisor.dev/gvisor/runsc/specutils"
)

// CapabilityMask is the set of the named capabilities; bit n is capability n
// (capabilities(7)). It leaves out a name that no capability has.
func CapabilityMask(names ...string) uint64 {
	var set uint64
	for _, known := range capability.ListKnown() {
		if slices.Contains(names, "CAP_"+strings.ToUpper(known.String())) {
			set |= 1 << known
		}
	}
	return set
}

// GoferCapabilities are what serving files takes; chroot is used once, on the
// way to the served root.
func GoferCapabilities(conf *config.Config) *specs.LinuxCapabilities {
	all := []string{"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_SYS_CHROOT"}
	caps := &specs.LinuxCapabilities{Bounding: all, Effective: all, Permitted: all, Inheritable: all, Ambient: all}
	if conf.GetHostUDS().AllowOpen() {
		// Connecting to a host socket as the container's user.
		ids := []string{"CAP_SETUID", "CAP_SETGID"}
		caps = specutils.MergeCapabilities(caps, &specs.LinuxCapabilities{Bounding: ids, Effective: ids, Permitted: ids})
	}
	return caps
}

// NarrowCapabilities makes the engine's boot command keep no more than the
// Plan's capabilities for directfs (runsc/cmd/sentry/sentrycmd/boot.go:71).
func NarrowCapabilities(p directfspolicy.Plan) {
	c := p.Sandbox().Capabilities
	sentrycmd.DirectfsSandboxLinuxCaps = &specs.LinuxCapabilities{Bounding: c, Effective: c, Permitted: c}
}

// GoferBounding is the capability bounding set that a container's gofer ends
// with. It is not known where the gofer executes other programs before, which
// need more.
func GoferBounding(conf *config.Config, spec *specs.Spec) (set uint64, known bool) {
	if HasCreateContainerHooks(spec) || len(extension.Registered()) > 0 {
		return 0, false
	}
	return CapabilityMask(GoferCapabilities(conf).Bounding...), true
}

// SandboxBounding is the capability bounding set that the sandbox process of a
// container ends with (runsc/cmd/sentry/sentrycmd/boot.go:488). It is not known
// where the host's network adds to it, and not of interest where the sandbox is
// not raised: that process executes itself again in any case.
func SandboxBounding(conf *config.Config, p directfspolicy.Plan) (set uint64, known bool) {
	if !p.Sandbox().Raised || conf.Network == config.NetworkHost {
		return 0, false
	}
	platform, err := platform.Lookup(conf.Platform)
	if err != nil {
		return 0, false
	}
	set = CapabilityMask(p.Sandbox().Capabilities...)
	if platform.Requirements().RequiresCapSysPtrace {
		set |= CapabilityMask("CAP_SYS_PTRACE")
	}
	return set, true
}
