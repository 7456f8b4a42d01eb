package gofer

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/directfs/runsc/directfspolicy"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/runsc/cmd/sandboxsetup"
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/specutils"
)

// devicesDir is where the engine mounts host devices if it is told of no rootfs
// (runsc/cmd/sandboxsetup/gofer_mount.go:206).
const devicesDir = "/root/dev"

// prepared is what the making of the mounts has come to. A process that
// executes itself again hands it to its second run.
type prepared struct {
	// Mounts is the spec's list, with the places of the served mounts for their
	// destinations.
	Mounts []specs.Mount `json:"mounts"`

	// Paths and Served are of the connections, in their order.
	Paths  []string `json:"paths"`
	Served []string `json:"served"`

	// VolumeFiles are FDs that their volumes need.
	VolumeFiles [][]int `json:"volumeFiles"`

	// keep are the FDs that lead to the trees, and the namespace's.
	keep []int
}

// prepare makes the mounts of the connections, and the root that the process
// serves from. tell is called with the mounts when all is done: creating the
// container ends when the sandbox process knows them, and must neither end
// before nor succeed where anything of this failed.
func (g *Command) prepare(conf *config.Config, spec *specs.Spec, id string, plan directfspolicy.Plan, conns []connection, connected []*os.File, open opener, tell func([]specs.Mount) error) (prepared, error) {
	// Nothing that is mounted from here on, or copied, reaches the host.
	if err := unix.Mount("", "/", "", unix.MS_SLAVE|unix.MS_REC, ""); err != nil {
		return prepared{}, fmt.Errorf("making mounts slaves of the host's: %w", err)
	}
	keep, connected, err := takeOverlays(conns, connected)
	if err != nil {
		return prepared{}, err
	}
	if err := takeVolumes(conns, connected); err != nil {
		return prepared{}, err
	}
	if err := takeTrees(conns, open); err != nil {
		return prepared{}, err
	}
	places, err := place(conns, spec.Mounts, plan)
	if err != nil {
		return prepared{}, err
	}
	mounts, err := placedMounts(conf, spec.Mounts, places, conns)
	if err != nil {
		return prepared{}, err
	}
	own := ownConnections(conns)
	if err := runHooks(spec, id, g.bundle, own); err != nil {
		return prepared{}, err
	}
	if err := restrict(own); err != nil {
		return prepared{}, err
	}
	if err := g.pivot(conf, spec, id); err != nil {
		return prepared{}, err
	}
	if err := takeDevices(conns); err != nil {
		return prepared{}, err
	}
	namespace, err := isolate(conns)
	if err != nil {
		return prepared{}, err
	}
	p := prepared{Mounts: mounts, VolumeFiles: volumeFiles(conns), keep: append(keep, namespace)}
	p.keep = append(p.keep, slices.Concat(p.VolumeFiles...)...)
	for _, c := range conns {
		p.Paths, p.Served = append(p.Paths, c.path), append(p.Served, c.served)
		if fd, ok := treeFD(c.served); ok {
			p.keep = append(p.keep, fd)
		}
	}
	return p, tell(mounts)
}

// ownConnections are those whose copies are taken from the spec's sources.
func ownConnections(conns []connection) []connection {
	if n := len(conns); n > 0 && conns[n-1].device {
		return conns[:n-1]
	}
	return conns
}

// placedMounts is what the sandbox is told of the spec's mounts: their places,
// and what the engine adds for the file systems that they are on.
func placedMounts(conf *config.Config, mounts []specs.Mount, places []string, conns []connection) ([]specs.Mount, error) {
	out := append([]specs.Mount{}, mounts...)
	for i, place := range places {
		if place != "" {
			out[i].Destination = place
		}
	}
	for _, c := range conns {
		if c.mount == nil {
			continue
		}
		options, err := sandboxsetup.AdjustMountOptions(conf, fmt.Sprintf("/proc/self/fd/%d", c.tree), c.mount.Options)
		if err != nil {
			return nil, fmt.Errorf("looking at the file system of mount %q: %w", c.path, err)
		}
		out[c.index].Options = options
	}
	return out, nil
}

// pivot gives the process a root of its own that has procfs and the host
// devices, and nothing else of the host. The engine is told of neither rootfs
// nor mounts nor hooks, so that it mounts none.
func (g *Command) pivot(conf *config.Config, spec *specs.Spec, id string) error {
	bare := *spec
	bare.Mounts, bare.Hooks = nil, nil
	none := []specutils.GoferMountConf{{Lower: specutils.NoneLower, Upper: specutils.MemoryOverlay}}
	return wrap("setting up root FS", sandboxsetup.SetupRootFS(&bare, conf, none, g.devIOFD, nil, id, g.bundle))
}

// hand leaves the result for the next run of this process, in a memory file
// whose FD it returns.
func (p prepared) hand() (int, error) {
	b, err := json.Marshal(p)
	if err != nil {
		return -1, err
	}
	fd, err := unix.MemfdCreate("prepared", 0)
	if err != nil {
		return -1, err
	}
	if _, err := unix.Pwrite(fd, b, 0); err != nil {
		return -1, err
	}
	for _, kept := range p.keep {
		if kept < 0 {
			continue
		}
		if _, err := unix.FcntlInt(uintptr(kept), unix.F_SETFD, 0); err != nil {
			return -1, err
		}
	}
	return fd, nil
}

// takePrepared reads what an earlier run handed over.
func takePrepared(fd int, conns []connection) (prepared, error) {
	file := os.NewFile(uintptr(fd), "prepared")
	defer file.Close()
	var p prepared
	b, err := io.ReadAll(file)
	if err == nil {
		err = json.Unmarshal(b, &p)
	}
	if err == nil && (len(p.Served) != len(conns) || len(p.Paths) != len(conns) || len(p.VolumeFiles) != len(conns)) {
		err = fmt.Errorf("%d prepared mounts for %d connections", len(p.Served), len(conns))
	}
	if err != nil {
		return p, fmt.Errorf("reading prepared mounts: %w", err)
	}
	for i := range conns {
		conns[i].path, conns[i].served = p.Paths[i], p.Served[i]
	}
	keepVolumeFiles(conns, p.VolumeFiles)
	return p, nil
}
