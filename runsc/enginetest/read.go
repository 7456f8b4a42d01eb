package enginetest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/directfs/runsc/directfspolicy"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"gvisor.dev/gvisor/pkg/sentry/fsimpl/gofer"
	"gvisor.dev/gvisor/pkg/sentry/vfs"
	"gvisor.dev/gvisor/runsc/boot"
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/container"
	"gvisor.dev/gvisor/runsc/specutils"
)

// StockOptions are the mount options that the engine takes if nobody extends
// the list.
var StockOptions = slices.Clone(gofer.SupportedMountOptions)

// Mount is what the engine does with one mount.
type Mount struct {
	// Served says whether a gofer serves the mount; the rest holds only then.
	Served bool
	Access directfspolicy.Access
	Cache  directfspolicy.Cache

	// ReadOnly says that the gofer serves it so: no write reaches the host.
	ReadOnly bool
}

func (m Mount) String() string {
	if !m.Served {
		return "not served"
	}
	return fmt.Sprintf("%v, %v, read-only=%t", m.Access, m.Cache, m.ReadOnly)
}

// Container is what the engine does with the mounts of a container.
type Container struct {
	Rootfs Mount
	Mounts []Mount // in the order of the spec
}

// GoferConfs runs the client's own code that decides which mounts a gofer
// serves (runsc/container/container.go:1140), and over which of them it puts an overlay.
func GoferConfs(spec, pod *specs.Spec, overlay config.Overlay2) ([]specutils.GoferMountConf, error) {
	hints, err := boot.NewPodMountHints(pod)
	if err != nil {
		return nil, err
	}
	rootfs, err := boot.NewRootfsHint(spec)
	if err != nil {
		return nil, err
	}
	s := *spec
	s.Mounts = slices.Clone(spec.Mounts)
	// A share=container or share=pod hint asks for an overlay in the mount
	// itself, and the engine looks there.
	inPlace, kept := map[string]string{}, maps.Clone(hints.Mounts)
	for name, h := range kept {
		c := *h
		c.Mount.Source = substitute(inPlace, c.Mount.Source)
		kept[name] = &c
	}
	for i := range s.Mounts {
		if to, ok := inPlace[s.Mounts[i].Source]; ok {
			s.Mounts[i].Source = to
		}
	}
	c := container.Container{Spec: &s}
	if err := initGoferConfs(&c, overlay, &boot.PodMountHints{Mounts: kept}, rootfs); err != nil {
		return nil, err
	}
	return c.GoferMountConfs, nil
}

// substitute gives each source a directory that exists, under a spelling of
// its own, so that equal sources stay equal and different ones different.
func substitute(seen map[string]string, source string) string {
	if to, ok := seen[source]; ok {
		return to
	}
	seen[source] = "/" + strings.Repeat("./", len(seen)+1)
	return seen[source]
}

// Sandbox is what the sandbox process reads: the spec behind its spec FD, the
// mount list behind its mounts FD, and its configuration.
type Sandbox struct {
	// Hints is the spec of the sandbox's first container, JSON.
	Hints []byte

	// Spec is the container's own spec as the sandbox process gets it.
	Spec *specs.Spec

	// Mounts is the list that the gofer sent.
	Mounts []specs.Mount

	Confs []specutils.GoferMountConf
	Conf  *config.Config

	// Accepts are the mount options that the process takes.
	Accepts []string
}

// Read follows the engine from these to the mounts: createMountNamespace,
// prepareMounts and getMountNameAndOptions in runsc/boot/vfs.go.
func (s Sandbox) Read() (Container, error) {
	var out Container
	var first specs.Spec
	if err := json.Unmarshal(s.Hints, &first); err != nil {
		return out, err
	}
	hints, err := boot.NewPodMountHints(&first)
	if err != nil {
		return out, err
	}
	rootfs, err := boot.NewRootfsHint(s.Spec)
	if err != nil {
		return out, err
	}
	if s.Confs[0].ShouldUseLisafs() {
		out.Rootfs = parseData(goferMountData(3, s.Conf.FileAccess, s.Conf, rootfs != nil && rootfs.SuppressDirectFS))
		out.Rootfs.ReadOnly = s.Spec.Root.Readonly || s.Confs[0].ShouldUseOverlayfs()
	}
	next := 1 // s.Confs[0] is the rootfs
	for _, m := range s.Mounts {
		hint := hints.FindMount(m.Source)
		specutils.MaybeConvertToBindMount(&m)
		var got Mount
		if specutils.HasMountConfig(m) {
			if s.Confs[next].ShouldUseLisafs() {
				if got, err = bind(s.Conf, m, hint, s.Accepts); err != nil {
					return out, err
				}
				got.ReadOnly = specutils.IsReadonlyMount(m.Options) || s.Confs[next].ShouldUseOverlayfs()
			}
			next++
		}
		out.Mounts = append(out.Mounts, got)
	}
	return out, nil
}

// bind is the Bind case of getMountNameAndOptions.
func bind(conf *config.Config, m specs.Mount, hint *boot.MountHint, supported []string) (Mount, error) {
	_, data, err := consumeMountOptions(m.Options, supported...)
	if err != nil {
		return Mount{}, err
	}
	data = append(data, goferMountData(3, getMountAccessType(conf, hint), conf, hint != nil && hint.SuppressDirectFS)...)
	return parseData(data), nil
}

// parseData reads the data as the gofer file system does
// (pkg/sentry/fsimpl/gofer/gofer.go:515 and 604).
func parseData(data []string) Mount {
	opts := vfs.GenericParseMountOptions(strings.Join(data, ","))
	got := Mount{Served: true, Cache: directfspolicy.CacheExclusive}
	if _, ok := opts["directfs"]; ok {
		got.Access = directfspolicy.DirectFS
	}
	if opts["cache"] == "remote_revalidating" {
		got.Cache = directfspolicy.CacheShared
	}
	return got
}

// Planned is the Plan in the same form, for the spec's mounts.
func Planned(p directfspolicy.Plan) Container {
	var out Container
	for i, d := range p.Decisions() {
		m := Mount{Served: d.Access != directfspolicy.NoAccess}
		if m.Served {
			m.Access, m.Cache, m.ReadOnly = d.Access, d.Cache, d.ReadOnly
		}
		if i == 0 {
			out.Rootfs = m
		} else {
			out.Mounts = append(out.Mounts, m)
		}
	}
	return out
}
