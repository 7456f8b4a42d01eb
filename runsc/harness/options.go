package harness

import (
	"fmt"
	"os"
	"path/filepath"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// The annotations by which containerd's CRI plugin says what a container is in
// its pod (containerd, pkg/cri/annotations).
const (
	criContainerType = "io.kubernetes.cri.container-type"
	criSandboxID     = "io.kubernetes.cri.sandbox-id"
	criContainerName = "io.kubernetes.cri.container-name"

	crioContainerType = "io.kubernetes.cri-o.ContainerType"
	crioSandboxID     = "io.kubernetes.cri-o.SandboxID"
)

// Annotation sets one annotation.
func Annotation(key, value string) Option {
	return func(b *Bundle) error {
		b.Spec.Annotations[key] = value
		return nil
	}
}

// MountHint sets dev.gvisor.spec.mount.NAME.source and .directfs for the mount
// at the destination, which must be there already. The empty value sets
// nothing.
func MountHint(name, destination, value string) Option {
	return func(b *Bundle) error {
		source := b.Source(destination)
		if source == "" {
			return fmt.Errorf("no mount at %s to give a hint for", destination)
		}
		if value == "" {
			return nil
		}
		b.Spec.Annotations["dev.gvisor.spec.mount."+name+".source"] = source
		b.Spec.Annotations["dev.gvisor.spec.mount."+name+".directfs"] = value
		return nil
	}
}

// RootfsHint sets dev.gvisor.spec.rootfs.directfs. The empty value sets
// nothing.
func RootfsHint(value string) Option {
	if value == "" {
		return func(*Bundle) error { return nil }
	}
	return Annotation("dev.gvisor.spec.rootfs.directfs", value)
}

// Mount bind-mounts a new host directory of its own at the destination. Without
// options it is writable.
func Mount(destination string, options ...string) Option {
	return func(b *Bundle) error {
		return MountFrom(b.sourceFor(destination), destination, options...)(b)
	}
}

// MountFrom bind-mounts the host path at the destination, and makes a directory
// of it where there is nothing.
func MountFrom(source, destination string, options ...string) Option {
	return func(b *Bundle) error {
		if _, err := os.Stat(source); err != nil {
			if err := os.MkdirAll(source, 0o755); err != nil {
				return err
			}
		}
		if len(options) == 0 {
			options = []string{"rw"}
		}
		return RawMount(specs.Mount{Destination: destination, Type: "bind", Source: source, Options: options})(b)
	}
}

// FileMount bind-mounts a new regular file with the content.
func FileMount(destination, content string, options ...string) Option {
	return func(b *Bundle) error {
		source := b.sourceFor(destination)
		if err := os.MkdirAll(filepath.Dir(source), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(source, []byte(content), 0o644); err != nil {
			return err
		}
		return MountFrom(source, destination, options...)(b)
	}
}

// RawMount adds the mount as it is. It replaces one that is already at the same
// destination.
func RawMount(m specs.Mount) Option {
	return func(b *Bundle) error {
		for i := range b.Spec.Mounts {
			if b.Spec.Mounts[i].Destination == m.Destination {
				b.Spec.Mounts[i] = m
				return nil
			}
		}
		b.Spec.Mounts = append(b.Spec.Mounts, m)
		return nil
	}
}

// Args sets what runs: arguments of the guest program, not its name.
func Args(args ...string) Option {
	return func(b *Bundle) error {
		b.Spec.Process.Args = append([]string{GuestPath}, args...)
		return nil
	}
}

// RootfsFrom uses another host directory as the rootfs. The guest and the mount
// points are added to it.
func RootfsFrom(dir string) Option {
	return func(b *Bundle) error {
		b.Spec.Root.Path = dir
		return nil
	}
}

// ReadonlyRoot makes the rootfs read-only for the container.
func ReadonlyRoot() Option {
	return func(b *Bundle) error {
		b.Spec.Root.Readonly = true
		return nil
	}
}

// UserNS gives the container a user namespace in which size ids from 0 on are
// those from hostID on outside (user_namespaces(7)). The files of the bundle
// then belong to its root.
func UserNS(hostID, size uint32) Option {
	return func(b *Bundle) error {
		m := []specs.LinuxIDMapping{{ContainerID: 0, HostID: hostID, Size: size}}
		b.Spec.Linux.UIDMappings, b.Spec.Linux.GIDMappings = m, m
		b.Spec.Linux.Namespaces = append(b.Spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
		return nil
	}
}

// OwnedBy gives the bundle and all that is in it to a host user.
func OwnedBy(user uint32) Option {
	return func(b *Bundle) error {
		b.owner = user
		return nil
	}
}

// Hooks sets the hooks.
func Hooks(h specs.Hooks) Option {
	return func(b *Bundle) error {
		b.Spec.Hooks = &h
		return nil
	}
}

// PodSandbox marks the container as the first one of a pod, as CRI does.
func PodSandbox() Option { return Annotation(criContainerType, "sandbox") }

// PodMember marks the container as one that joins the sandbox with the id.
func PodMember(sandboxID, name string) Option {
	return Edit(func(s *specs.Spec) {
		s.Annotations[criContainerType] = "container"
		s.Annotations[criSandboxID] = sandboxID
		s.Annotations[criContainerName] = name
	})
}

// CRIOPodSandbox is PodSandbox with CRI-O's annotations (CRI-O,
// pkg/annotations).
func CRIOPodSandbox() Option { return Annotation(crioContainerType, "sandbox") }

// CRIOPodMember is PodMember with CRI-O's annotations.
func CRIOPodMember(sandboxID string) Option {
	return Edit(func(s *specs.Spec) {
		s.Annotations[crioContainerType] = "container"
		s.Annotations[crioSandboxID] = sandboxID
	})
}

// Edit changes the spec freely.
func Edit(change func(*specs.Spec)) Option {
	return func(b *Bundle) error {
		change(b.Spec)
		return nil
	}
}
