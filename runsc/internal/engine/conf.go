package engine

import (
	"fmt"
	"slices"
	"strings"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
	"github.com/directfs/runsc/pkg/overlaymount/inspect"
	"github.com/directfs/runsc/runsc/internal/hostfs"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/fsgofer/extension"
	"gvisor.dev/gvisor/runsc/fsgofer/filter"
	"gvisor.dev/gvisor/runsc/specutils"
)

// Describer is implemented by a gofer extension that says beforehand which
// mounts it serves and whether it can donate a root FD for them. The engine
// asks an extension for its implementation only when mounts have been sent and
// filters are installed, which is too late for a decision.
type Describer interface {
	// Describe returns NoGofer for a mount that the extension does not serve.
	// It must be a pure predicate. The rootfs has destination "/".
	Describe(spec *specs.Spec, m specs.Mount) directfspolicy.Backend
}

// SeeLocks makes the options say who has locked a layer of an overlay, for those who
// will not take the locks themselves.
func SeeLocks(o *ociconfig.Options) { o.Layers = inspect.NewReader().Facts }

// Options reads what the policy needs to know from the engine's configuration.
// It must be called before Configure, while conf is still the user's.
func Options(conf *config.Config, pod *specs.Spec) ociconfig.Options {
	overlay := conf.GetOverlay2()
	return ociconfig.Options{
		Flag:        conf.DirectFS,
		Ceiling:     Hints.ceiling,
		HostNetwork: conf.Network == config.NetworkHost,
		RootfsCache: cacheOf(conf.FileAccess),
		MountCache:  cacheOf(conf.FileAccessMounts),
		// Writes go to an overlay's upper layer, which is in the sandbox or in
		// a file that the sandbox gets beside the mount.
		RootfsOverlay: overlay.RootOverlayMedium() != config.NoOverlay,
		MountOverlay:  overlay.SubMountOverlayMedium() != config.NoOverlay,

		MountOverlayInSource: overlay.SubMountOverlayMedium() == config.SelfOverlay,

		SpecialFiles:  conf.HostFifo.AllowOpen() || conf.CharacterDevicePolicy.AllowsPassthrough(),
		Sources:       hostfs.NewReader().Sources,
		HostDevices:   func(spec *specs.Spec) bool { return servesDevices(spec, conf) },
		Layers:        inspect.NewReader().WithoutLocks().Facts,
		FirstProcess:  ownProgram(),
		OverlayDriver: Overlay.driver,
		Pod:           pod,
		Backend:       describe,
	}
}

// servesDevices says whether the engine gives the container's gofer a
// connection for host devices (runsc/container/container.go:1425).
func servesDevices(spec *specs.Spec, conf *config.Config) bool {
	return specutils.GPUFunctionalityRequested(spec, conf) || specutils.TPUFunctionalityRequested(spec, conf) || specutils.RDMAEnabled(spec, conf)
}

func cacheOf(t config.FileAccessType) directfspolicy.Cache {
	if t == config.FileAccessExclusive {
		return directfspolicy.CacheExclusive
	}
	return directfspolicy.CacheShared
}

func fileAccess(c directfspolicy.Cache) config.FileAccessType {
	if c == directfspolicy.CacheExclusive {
		return config.FileAccessExclusive
	}
	return config.FileAccessShared
}

// ConfigureBoot sets the cache mode of the first container's rootfs, in the
// sandbox process: there is no hint for it (runsc/boot/vfs.go:621), and the
// client's own flags do not allow a shared one beside any overlay, of whatever
// container (runsc/config/config.go:500). Resolving the Plan has looked at the
// overlay that matters.
func ConfigureBoot(conf *config.Config, rootfs directfspolicy.Cache) {
	conf.FileAccess = fileAccess(rootfs)
}

func describe(spec *specs.Spec, m specs.Mount) (directfspolicy.Backend, string) {
	for _, e := range extension.Registered() {
		if d, ok := e.(Describer); ok {
			if b := d.Describe(spec, m); b != directfspolicy.NoGofer {
				return b, e.Name()
			}
		}
	}
	return directfspolicy.NoGofer, ""
}

// ConfigureCreate sets the engine's switch for creating a container. For a
// sandbox's first container it decides the sandbox's privileges
// (runsc/sandbox/sandbox.go:1153), for a joining one only the user namespace of
// its gofer (runsc/container/container.go:2186).
func ConfigureCreate(conf *config.Config, p directfspolicy.Plan) {
	if p.Container().Scope == directfspolicy.PodMember {
		conf.DirectFS = len(p.Donations()) > 0
		return
	}
	conf.DirectFS = p.Sandbox().Raised
}

// CheckCreate fails where ConfigureCreate, for which it is too late, would have
// changed the engine's switch.
func CheckCreate(conf *config.Config, p directfspolicy.Plan) error {
	after := *conf
	if ConfigureCreate(&after, p); after.DirectFS != conf.DirectFS {
		return fmt.Errorf("the plan wants a sandbox with directfs=%t, the engine starts one with directfs=%t", after.DirectFS, conf.DirectFS)
	}
	return nil
}

// ConfigureStart sets the engine's switch for starting or restoring a created
// container. For a joining one it is what its mounts get unless the list that
// its gofer sends says otherwise; see JoiningMounts.
func ConfigureStart(conf *config.Config, p directfspolicy.Plan) {
	if p.Container().Scope == directfspolicy.PodMember {
		conf.DirectFS = rootfsUsesDirectFS(p)
		conf.FileAccess = fileAccess(rootfsCache(p))
		return
	}
	conf.DirectFS = p.Sandbox().Raised
}

// GoferArgs returns the command line of a gofer without the cache mode of the
// rootfs. ConfigureStart sets that for the sandbox process, to which the client
// sends its configuration; a gofer, which gets it as flags, has no use for it, and
// the engine's check of flags would refuse a shared one beside any overlay
// (runsc/config/config.go:500).
func GoferArgs(args []string) []string {
	return slices.DeleteFunc(slices.Clone(args), func(a string) bool { return strings.HasPrefix(a, "--file-access=") })
}

// rootfsCache is the cache mode of the rootfs. Nobody asks for one that no
// gofer serves.
func rootfsCache(p directfspolicy.Plan) directfspolicy.Cache {
	d, _ := rootfsDecision(p)
	return d.Cache
}

func rootfsUsesDirectFS(p directfspolicy.Plan) bool {
	d, _ := rootfsDecision(p)
	return d.Access == directfspolicy.DirectFS
}

// rootfsDecision returns the decision for the rootfs, and whether a gofer
// serves it.
func rootfsDecision(p directfspolicy.Plan) (directfspolicy.Decision, bool) {
	all := p.Decisions()
	if len(all) == 0 || all[0].Access == directfspolicy.NoAccess {
		return directfspolicy.Decision{}, false
	}
	return all[0], true
}

// GoferFilter completes the options of the engine's gofer filter with the
// Plan's sets. The engine's base rules contain the directfs fallback; DirectFS
// only says that the LisaFS rules do not come by themselves
// (runsc/fsgofer/filter/config/config.go:122).
func GoferFilter(base filter.Options, p directfspolicy.Plan) filter.Options {
	base.DirectFS = true
	base.LisafsNeeded = needsLisaFS(p)
	return base
}

// needsLisaFS says whether one of the Plan's sets needs the engine's rules for
// LisaFS mounts. Where it does not need all of them, NarrowGofer denies the rest.
func needsLisaFS(p directfspolicy.Plan) bool {
	return slices.ContainsFunc(p.Gofer(), func(n directfspolicy.SetName) bool {
		return n == directfspolicy.GoferVolume || n == directfspolicy.GoferLisaFSRead || n == directfspolicy.GoferLisaFS
	})
}
