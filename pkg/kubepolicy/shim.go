package kubepolicy

import (
	"path"
	"slices"
	"strconv"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// This file does to a pod what the containerd shim and the kubelet will do to it
// before the runtime sees its containers: ociconfig.ForShim, and then
// pkg/shim/v1/utils/volumes.go of the gVisor module, UpdateVolumeAnnotations. Paths that depend on the node
// have placeholders in them; only whether two of them are equal matters.

const (
	// volumesDir is where the kubelet has a pod's volumes.
	podDir      = "/var/lib/kubelet/pods/UID/"
	volumesDir  = podDir + "volumes/PLUGIN/"
	subPathsDir = podDir + "volume-subpaths/"

	// containerd has the pod's own files, and images that are volumes.
	sandboxDir = "/var/lib/containerd/io.containerd.grpc.v1.cri/sandboxes/ID/"
	imagesDir  = "/var/lib/containerd/io.containerd.grpc.v1.cri/image-volumes/"

	emptyDirPrefix = "dev.gvisor.empty-dir."
)

// sandboxSpec is the spec of the pod's first container when the shim is done
// with it. By the name of every mount annotation that has a type, the shim looks
// for a volume that must be there, and for one that may be by that of every other
// hint without a source.
func (p Pod) sandboxSpec() *specs.Spec {
	spec := p.spec(directfspolicy.PodSandbox)
	spec.Annotations, _, _ = ociconfig.ForShim(spec.Annotations, p.directory)
	for _, name := range p.typed() {
		spec.Annotations[ociconfig.MountKey(name, "source")] = volumesDir + name
		v, _ := p.volumeOf(name)
		switch {
		case v.EmptyDir == nil:
		case p.forceShared(name):
			spec.Annotations[ociconfig.MountKey(name, "type")] = "bind"
			spec.Annotations[ociconfig.MountKey(name, "share")] = "shared"
		default:
			spec.Annotations[ociconfig.MountKey(name, "type")] = "tmpfs"
		}
	}
	return spec
}

// containerSpec is the spec of one of the pod's other containers.
func (p Pod) containerSpec(c container) *specs.Spec {
	spec := p.spec(directfspolicy.PodMember)
	for i, vm := range c.VolumeMounts {
		m := specs.Mount{Destination: vm.MountPath, Type: "bind", Source: p.mountSource(vm.Name), Options: []string{"rbind"}}
		if vm.hasSubPath() {
			m.Source = subPathSource(c, i)
		}
		if vm.ReadOnly {
			m.Options = append(m.Options, "ro")
		}
		p.changeType(&m, vm.Name)
		spec.Mounts = append(spec.Mounts, m)
	}
	spec.Mounts = append(spec.Mounts, given(c)...)
	return spec
}

// given are the files that every container has besides its volumes, by the
// kubelet and by containerd. Only a hint for a directory of the node that they
// are in finds them.
func given(c container) []specs.Mount {
	var mounts []specs.Mount
	add := func(destination, source string, readOnly bool) {
		if c.mounts(destination) {
			return
		}
		m := specs.Mount{Destination: destination, Type: "bind", Source: source, Options: []string{"rbind"}}
		if readOnly {
			m.Options = append(m.Options, "ro")
		}
		mounts = append(mounts, m)
	}
	readOnly := c.SecurityContext.ReadOnlyRootFilesystem
	add("/etc/hosts", podDir+"etc-hosts", false)
	add("/dev/termination-log", podDir+"containers/"+c.Name+"/LOG", false)
	add("/etc/hostname", sandboxDir+"hostname", readOnly)
	add("/etc/resolv.conf", sandboxDir+"resolv.conf", readOnly)
	return mounts
}

// directory implements ociconfig.VolumeFunc. It has what there may be: every name
// where the volumes are not known, or where it can be a PersistentVolume's.
func (p Pod) directory(name string) (string, bool, error) {
	v, ok := p.volumeOf(name)
	switch {
	case !p.known:
	case v.HostPath != nil, v.Ephemeral != nil, v.Image != nil:
		return "", false, nil
	case !p.claims && (!ok || !p.mounted[name]):
		return "", false, nil
	}
	return p.mountSource(name), true, nil
}

// mountSource is the path on the node that the kubelet gives a container for a
// volume.
func (p Pod) mountSource(name string) string {
	switch v, _ := p.volumeOf(name); {
	case v.HostPath != nil:
		return v.HostPath.Path
	case v.Ephemeral != nil:
		return volumesDir + "PERSISTENTVOLUME-OF-" + name
	case v.CSI != nil:
		return volumesDir + name + "/mount"
	case v.Image != nil:
		return imagesDir + name
	}
	return volumesDir + name
}

// sources says where a path of the node leads, as far as the Pod tells: a
// subPath is a bind mount of what is in its volume.
func (p Pod) sources(file string, _ bool) ([]directfspolicy.Source, error) {
	const node = "the node's"
	file = path.Clean(file)
	s := directfspolicy.Source{Path: file, Filesystem: node, Within: file}
	if within, ok := p.subPaths[file]; ok {
		s.Within = within
	}
	return []directfspolicy.Source{s}, nil
}

// subPathSource is where the kubelet mounts what a container has of a volume by
// a subPath.
func subPathSource(c container, i int) string {
	return path.Join(subPathsDir, c.VolumeMounts[i].Name, c.Name, strconv.Itoa(i))
}

// changeType gives a mount the type of its volume's annotation.
func (p Pod) changeType(m *specs.Mount, volume string) {
	typ, ok := p.annotations[ociconfig.MountKey(volume, "type")]
	v, _ := p.volumeOf(volume)
	if !ok || m.Source != volumesDir+volume || v.EmptyDir != nil && p.forceShared(volume) {
		return
	}
	m.Type = typ
	if typ != "bind" {
		m.Options = slices.DeleteFunc(m.Options, func(o string) bool { return o == "bind" || o == "rbind" })
	}
}

func (p Pod) forceShared(volume string) bool {
	b, err := strconv.ParseBool(p.annotations[emptyDirPrefix+volume+".force-shared"])
	return err == nil && b
}

// spec has the pod's annotations, which containerd gives to every container,
// and what the container runtime interface adds.
func (p Pod) spec(scope directfspolicy.Scope) *specs.Spec {
	spec := &specs.Spec{Annotations: p.annotations, Root: &specs.Root{Path: "/rootfs"}}
	ociconfig.SetScope(spec, scope)
	return spec
}

// Spec returns the spec of the pod's first container as the runtime will see
// it, so that the engine can be asked what it makes of the annotations.
func (p Pod) Spec() *specs.Spec { return p.sandboxSpec() }

// typed lists the names for which the shim looks for a volume.
func (p Pod) typed() []string {
	return slices.DeleteFunc(ociconfig.Names(p.annotations), func(name string) bool {
		_, ok := p.annotations[ociconfig.MountKey(name, "type")]
		return !ok
	})
}
