package harness

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// GuestPath is where the guest program is in every rootfs.
const GuestPath = "/guest"

// Bundle is an OCI bundle on disk (runtime-spec, bundle.md).
type Bundle struct {
	// Dir is the absolute path of the bundle. The rootfs is Dir/rootfs unless
	// an option set another one; sources of mounts are under Dir/src.
	Dir string

	// Spec is what config.json holds. Call [Bundle.Save] after a change.
	Spec *specs.Spec

	// owner is the host user whom all files belong to, if not this process's.
	owner uint32
}

// Option changes a bundle that is being built.
type Option func(*Bundle) error

// NewBundle fills dir, which must be empty, with a bundle that runs the guest.
// Options apply in order: a mount must come before a hint for it.
func NewBundle(dir, guest string, opts ...Option) (*Bundle, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	b := &Bundle{Dir: dir, Spec: baseSpec(filepath.Join(dir, "rootfs"))}
	for _, o := range opts {
		if err := o(b); err != nil {
			return nil, fmt.Errorf("bundle option: %w", err)
		}
	}
	if err := b.fillRootfs(guest); err != nil {
		return nil, fmt.Errorf("fill rootfs: %w", err)
	}
	if err := b.own(); err != nil {
		return nil, fmt.Errorf("own bundle: %w", err)
	}
	return b, b.Save()
}

// own gives the files below the bundle to its owner, or else to the host user
// that is root inside.
func (b *Bundle) own() error {
	uid, gid := int(b.owner), int(b.owner)
	if l := b.Spec.Linux; uid == 0 && len(l.UIDMappings) > 0 && len(l.GIDMappings) > 0 {
		uid, gid = int(l.UIDMappings[0].HostID), int(l.GIDMappings[0].HostID)
	}
	if uid == 0 {
		return nil
	}
	return filepath.WalkDir(b.Dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, uid, gid)
	})
}

// baseSpec is the least that runs everywhere: own namespaces, no network, root
// with the capabilities that file operations need.
func baseSpec(rootfs string) *specs.Spec {
	caps := []string{"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_MKNOD", "CAP_SYS_ADMIN"}
	return &specs.Spec{
		Version: specs.Version,
		Process: &specs.Process{
			Args:         []string{GuestPath, "report", "/"},
			Cwd:          "/",
			Env:          []string{"PATH=/"},
			Capabilities: &specs.LinuxCapabilities{Bounding: caps, Effective: caps, Permitted: caps},
		},
		Root: &specs.Root{Path: rootfs},
		Mounts: []specs.Mount{
			{Destination: "/proc", Type: "proc", Source: "proc"},
			{Destination: "/dev", Type: "tmpfs", Source: "tmpfs"},
			{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: []string{"ro"}},
			{Destination: "/tmp", Type: "tmpfs", Source: "tmpfs"},
		},
		Linux: &specs.Linux{Namespaces: []specs.LinuxNamespace{
			{Type: specs.PIDNamespace},
			{Type: specs.MountNamespace},
			{Type: specs.IPCNamespace},
			{Type: specs.UTSNamespace},
			{Type: specs.NetworkNamespace},
		}},
		Annotations: map[string]string{},
	}
}

// Rootfs returns the host directory of the rootfs.
func (b *Bundle) Rootfs() string { return b.Spec.Root.Path }

// Source returns what is mounted at the destination: a host path for a bind
// mount, the rootfs for "/", "" where there is no mount.
func (b *Bundle) Source(destination string) string {
	if destination == "/" {
		return b.Rootfs()
	}
	for _, m := range b.Spec.Mounts {
		if m.Destination == destination {
			return m.Source
		}
	}
	return ""
}

// Binds returns the destinations with a host directory or file behind them,
// "/" first. These are the mounts that a gofer serves.
func (b *Bundle) Binds() []string {
	d := []string{"/"}
	for _, m := range b.Spec.Mounts {
		if m.Type == "bind" {
			d = append(d, m.Destination)
		}
	}
	return d
}

// Save writes config.json.
func (b *Bundle) Save() error {
	data, err := json.MarshalIndent(b.Spec, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(b.Dir, "config.json"), data, 0o644)
}

// fillRootfs puts the guest and the mount points into the rootfs. A gofer with
// a read-only root cannot create them itself.
func (b *Bundle) fillRootfs(guest string) error {
	program, err := os.ReadFile(guest)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(b.Rootfs(), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(b.Rootfs(), GuestPath), program, 0o755); err != nil {
		return err
	}
	for _, m := range b.Spec.Mounts {
		if err := b.makeMountPoint(m); err != nil {
			return err
		}
	}
	return nil
}

func (b *Bundle) makeMountPoint(m specs.Mount) error {
	point := filepath.Join(b.Rootfs(), m.Destination)
	if fi, err := os.Stat(m.Source); m.Type != "bind" || err != nil || fi.IsDir() {
		return os.MkdirAll(point, 0o755)
	}
	if err := os.MkdirAll(filepath.Dir(point), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(point, os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	return f.Close()
}

// sourceFor names a host path below the bundle for a destination.
func (b *Bundle) sourceFor(destination string) string {
	name := strings.ReplaceAll(strings.Trim(destination, "/"), "/", "_")
	return filepath.Join(b.Dir, "src", name)
}
