package ociconfig

import (
	"fmt"
	"maps"
	"path"
	"strconv"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/overlaymount"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// Options is what the runtime knows beside the container's spec.
type Options struct {
	// Flag is --directfs.
	Flag bool

	// AllowFlagOverride lets the annotation dev.gvisor.flag.directfs replace
	// Flag, as --allow-flag-override does. A runtime that has already applied
	// it leaves this unset.
	AllowFlagOverride bool

	// Ceiling is --directfs-hints.
	Ceiling directfspolicy.Ceiling

	// HostDevices says whether the container's gofer serves host devices to the
	// device proxies of the sentry. Nil means that none does.
	HostDevices func(spec *specs.Spec) bool

	// HostNetwork is set where the sandbox uses the host's network stack.
	HostNetwork bool

	// RootfsCache and MountCache are the cache modes where nothing else is
	// said about a mount: --file-access and --file-access-mounts.
	RootfsCache directfspolicy.Cache
	MountCache  directfspolicy.Cache

	// RootfsOverlay and MountOverlay are set where the runtime puts an overlay
	// of its own over a writable rootfs, or over the other writable mounts, so
	// that no write reaches the host: --overlay2.
	RootfsOverlay bool
	MountOverlay  bool

	// MountOverlayInSource is set where the latter keeps what is written in a file
	// in the mount's source.
	MountOverlayInSource bool

	// SpecialFiles is set where containers may open the host's FIFOs or
	// devices: --host-fifo=open, --character-device-policy. A read-only mount
	// does not keep these from being written.
	SpecialFiles bool

	// Bundle is the directory that relative mount sources are relative to.
	Bundle string

	// Sources looks at what is at a path of the host. Nil compares paths alone.
	Sources SourceFunc

	// OverlayDriver makes one tree of the layers of a mount of type overlay, where
	// an option of the mount names no other driver.
	OverlayDriver OverlayDriver

	// FirstProcess is the path of the program that mounts an overlay in the sandbox,
	// and then becomes the container's process: the runtime's own.
	FirstProcess string

	// Layers looks at the directories that an overlay names. Nil: nothing is known
	// of them.
	Layers LayersFunc

	// Pod is the spec of the pod's first container, needed for a container
	// that joins its sandbox: hints are pod-wide.
	Pod *specs.Spec

	// Backend says who serves a gofer mount. Nil, or an answer of NoGofer,
	// means the stock gofer.
	Backend BackendFunc

	// Gofers are the backends that the operator registered, by name. A hint
	// that names another one is refused. Nil: there is none.
	Gofers map[string]GoferFunc
}

// BackendFunc tells the backend of a mount that a gofer serves, and its name
// for people. It must be a pure predicate: it is asked before anything is
// started. The rootfs is asked for with destination "/".
type BackendFunc func(spec *specs.Spec, m specs.Mount) (directfspolicy.Backend, string)

// SourceFunc says where the files are that are at an absolute path of the host;
// see [directfspolicy.Source]. The path is as the user wrote it: the kernel
// follows a symbolic link before it goes up by the ".." behind it
// (path_resolution(7)), so that only who looks at the host can clean it. The
// first of the list is the path's own, and there always is one; with submounts,
// those of the mounts below it follow. With an error, the container is refused:
// where the host cannot be looked at, nobody knows which mounts a hint is for.
type SourceFunc func(path string, submounts bool) ([]directfspolicy.Source, error)

// LayersFunc says what the host has at the layers of an overlay that the driver
// would make. It mounts and changes nothing.
type LayersFunc func(overlaymount.Mount, overlaymount.Driver) overlaymount.Facts

const flagAnnotation = "dev.gvisor.flag.directfs"

// flag is the only place that decides what the sandbox-wide flag is.
func (o Options) flag(spec *specs.Spec) (bool, error) {
	v, ok := spec.Annotations[flagAnnotation]
	if !ok || !o.AllowFlagOverride {
		return o.Flag, nil
	}
	b, err := strconv.ParseBool(v)
	if err != nil {
		return false, &directfspolicy.HintError{
			Key: flagAnnotation, Value: v, Allowed: []string{"true", "false"},
			Fix: "write one of the allowed values or remove the annotation",
			Err: directfspolicy.ErrInvalidValue,
		}
	}
	return b, nil
}

func (o Options) backend(spec *specs.Spec, m specs.Mount) (directfspolicy.Backend, string) {
	if o.Backend != nil {
		if b, name := o.Backend(spec, m); b != directfspolicy.NoGofer {
			return b, name
		}
	}
	return directfspolicy.StockGofer, ""
}

// sources says where the files of a source are.
func (o Options) sources(source string, submounts bool) ([]directfspolicy.Source, error) {
	if o.Sources != nil && path.IsAbs(source) {
		all, err := o.Sources(source, submounts)
		if err != nil || len(all) > 0 {
			return all, err
		}
	}
	return []directfspolicy.Source{{Path: path.Clean(source)}}, nil
}

// The annotations by which a CRI runtime says how a container relates to its
// sandbox: containerd's (pkg/cri/annotations) and CRI-O's (pkg/annotations).
var scopeAnnotations = []string{"io.kubernetes.cri.container-type", "io.kubernetes.cri-o.ContainerType"}

// Scope says how the container relates to its sandbox.
func Scope(spec *specs.Spec) (directfspolicy.Scope, error) {
	for _, key := range scopeAnnotations {
		switch v, ok := spec.Annotations[key]; {
		case !ok:
		case v == "sandbox":
			return directfspolicy.PodSandbox, nil
		case v == "container":
			return directfspolicy.PodMember, nil
		default:
			return 0, &directfspolicy.HintError{
				Key: key, Value: v, Allowed: []string{"sandbox", "container"},
				Fix: "write one of the allowed values or remove the annotation",
				Err: directfspolicy.ErrInvalidValue,
			}
		}
	}
	return directfspolicy.Standalone, nil
}

// SetScope says how a container relates to its sandbox, for programs that make
// specs themselves.
func SetScope(spec *specs.Spec, s directfspolicy.Scope) {
	word := map[directfspolicy.Scope]string{directfspolicy.PodSandbox: "sandbox", directfspolicy.PodMember: "container"}[s]
	annotations := map[string]string{}
	maps.Copy(annotations, spec.Annotations)
	for _, key := range scopeAnnotations {
		delete(annotations, key)
	}
	if word != "" {
		annotations[scopeAnnotations[0]] = word
	}
	spec.Annotations = annotations
}

var errNoPod = fmt.Errorf("%w: a container that joins a sandbox needs the spec of the pod's first container", directfspolicy.ErrInvalidRequest)
