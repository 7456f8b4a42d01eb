// Package enginetest reads decisions back out of the engine for tests: it
// calls the engine's own, unexported functions, so that a test compares with
// what the engine does and not with a copy of it. Nothing but tests imports
// it.
package enginetest

import (
	_ "unsafe" // for go:linkname

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"gvisor.dev/gvisor/runsc/boot"
	_ "gvisor.dev/gvisor/runsc/cmd" // for LisafsNeeded
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/container"
	"gvisor.dev/gvisor/runsc/specutils"
)

//go:linkname goferMountData gvisor.dev/gvisor/runsc/boot.goferMountData
func goferMountData(fd int, fa config.FileAccessType, conf *config.Config, suppressDirectFS bool) []string

//go:linkname consumeMountOptions gvisor.dev/gvisor/runsc/boot.consumeMountOptions
func consumeMountOptions(opts []string, allowedKeys ...string) (rem, out []string, err error)

//go:linkname getMountAccessType gvisor.dev/gvisor/runsc/boot.getMountAccessType
func getMountAccessType(conf *config.Config, hint *boot.MountHint) config.FileAccessType

//go:linkname initGoferConfs gvisor.dev/gvisor/runsc/container.(*Container).initGoferConfs
func initGoferConfs(c *container.Container, ovlConf config.Overlay2, mountHints *boot.PodMountHints, rootfsHint *boot.RootfsHint) error

// LisafsNeeded is how the engine's gofer finds out whether it needs the LisaFS
// calls in spite of --directfs=true.
//
//go:linkname LisafsNeeded gvisor.dev/gvisor/runsc/cmd.lisafsNeededForDirectFSSuppression
func LisafsNeeded(spec *specs.Spec, mountHints *boot.PodMountHints, rootfsHint *boot.RootfsHint, mountConfs []specutils.GoferMountConf) bool
