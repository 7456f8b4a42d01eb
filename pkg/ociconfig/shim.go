package ociconfig

import (
	"path"
	"slices"
	"strconv"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// This file does to a pod what the gVisor containerd shim and the kubelet will
// do to it before the runtime sees its containers: pkg/shim/v1/utils/volumes.go
// of the gVisor module, UpdateVolumeAnnotations. Paths that depend on the node
// have placeholders in them; only whether two of them are equal matters.

const (
	// volumesDir is where the kubelet has a pod's volumes.
	volumesDir  = "/var/lib/kubelet/pods/UID/volumes/PLUGIN/"
	subPathsDir = "/var/lib/kubelet/pods/UID/volume-subpaths/"

	emptyDirPrefix = "dev.gvisor.empty-dir."
)

// sandboxSpec is the spec of the pod's first container when the shim is done
// with it. The shim looks for a volume by the name of every mount annotation
// that has a type, and for no other.
func (p KubePod) sandboxSpec() *specs.Spec {
	spec := p.spec("sandbox")
	for _, name := range p.typed() {
		spec.Annotations[mountPrefix+name+".source"] = volumesDir + name
		v, _ := p.volume(name)
		switch {
		case v.EmptyDir == nil:
		case p.forceShared(name):
			spec.Annotations[mountPrefix+name+".type"] = "bind"
			spec.Annotations[mountPrefix+name+".share"] = "shared"
		default:
			spec.Annotations[mountPrefix+name+".type"] = "tmpfs"
		}
	}
	return spec
}

// containerSpec is the spec of one of the pod's other containers.
func (p KubePod) containerSpec(c kubeContainer) *specs.Spec {
	spec := p.spec("container")
	for i, vm := range c.VolumeMounts {
		m := specs.Mount{Destination: vm.MountPath, Type: "bind", Source: p.mountSource(vm.Name), Options: []string{"rbind"}}
		if vm.SubPath != "" || vm.SubPathExpr != "" {
			m.Source = path.Join(subPathsDir, vm.Name, c.Name, strconv.Itoa(i))
		}
		if vm.ReadOnly {
			m.Options = append(m.Options, "ro")
		}
		p.changeType(&m, vm.Name)
		spec.Mounts = append(spec.Mounts, m)
	}
	return spec
}

// mountSource is the path on the node that the kubelet gives a container for a
// volume.
func (p KubePod) mountSource(name string) string {
	switch v, _ := p.volume(name); {
	case v.HostPath != nil:
		return v.HostPath.Path
	case v.claimed():
		return volumesDir + "PERSISTENTVOLUME-OF-" + name
	case v.CSI != nil:
		return volumesDir + name + "/mount"
	}
	return volumesDir + name
}

// changeType gives a mount the type of its volume's annotation.
func (p KubePod) changeType(m *specs.Mount, volume string) {
	typ, ok := p.annotations[mountPrefix+volume+".type"]
	v, _ := p.volume(volume)
	if !ok || m.Source != volumesDir+volume || v.EmptyDir != nil && p.forceShared(volume) {
		return
	}
	m.Type = typ
	if typ != "bind" {
		m.Options = slices.DeleteFunc(m.Options, func(o string) bool { return hasBindOption([]string{o}) })
	}
}

func (p KubePod) forceShared(volume string) bool {
	b, err := strconv.ParseBool(p.annotations[emptyDirPrefix+volume+".force-shared"])
	return err == nil && b
}

// spec has the pod's annotations, which containerd gives to every container,
// and what the container runtime interface adds.
func (p KubePod) spec(containerType string) *specs.Spec {
	spec := cloneSpec(&specs.Spec{Annotations: p.annotations, Root: &specs.Root{Path: "/rootfs"}})
	if spec.Annotations == nil {
		spec.Annotations = map[string]string{}
	}
	for _, key := range scopeAnnotations {
		delete(spec.Annotations, key)
	}
	spec.Annotations[scopeAnnotations[0]] = containerType
	return spec
}

// Spec returns the spec of the pod's first container as the runtime will see
// it, so that the engine can be asked what it makes of the annotations.
func (p KubePod) Spec() *specs.Spec { return p.sandboxSpec() }

// typed lists the names for which the shim looks for a volume.
func (p KubePod) typed() []string {
	return slices.DeleteFunc(names(p.spec("sandbox")), func(name string) bool {
		_, ok := p.annotations[mountPrefix+name+".type"]
		return !ok
	})
}
