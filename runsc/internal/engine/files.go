package engine

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"gvisor.dev/gvisor/runsc/boot"
	"gvisor.dev/gvisor/runsc/cgroup"
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/specutils"
)

// Files are the files that the engine may make for a container beside those of
// its state: the sandbox's socket (runsc/sandbox/sandbox.go:89) and, in mounts
// and the rootfs, the files behind overlays (runsc/boot/vfs.go:84).
func Files(root, sandboxID string, spec *specs.Spec) []string {
	files := []string{filepath.Join(root, "runsc-"+sandboxID+".sock")}
	if spec.Root != nil {
		files = append(files, boot.SelfFilestorePath(spec.Root.Path, sandboxID))
	}
	for _, m := range spec.Mounts {
		if filepath.IsAbs(m.Source) {
			files = append(files, boot.SelfFilestorePath(m.Source, sandboxID))
		}
	}
	return files
}

// SharedFiles are those of mounts that the containers of a sandbox share, by the
// hints in a container's state. The engine keeps them for as long as the sandbox
// lives (runsc/container/container.go:1012).
func SharedFiles(sandboxID string, hints json.RawMessage) ([]string, error) {
	var all boot.PodMountHints
	if len(hints) > 0 {
		if err := json.Unmarshal(hints, &all); err != nil {
			return nil, fmt.Errorf("reading mount hints: %w", err)
		}
	}
	var files []string
	for _, h := range all.Mounts {
		if h.ShouldShareMount() {
			files = append(files, boot.SelfFilestorePath(h.Mount.Source, sandboxID))
		}
	}
	return files, nil
}

// cgroupParent names the cgroup of a pod (runsc/container/container.go:57).
const cgroupParent = "dev.gvisor.spec.cgroup-parent"

// Cgroups are the cgroup directories that the engine may make for a container.
// Those that systemd makes it also removes.
func Cgroups(conf *config.Config, id string, spec *specs.Spec) []string {
	if conf.IgnoreCgroups || conf.SystemdCgroup {
		return nil
	}
	paths := []string{spec.Annotations[cgroupParent], "/" + id}
	if spec.Linux != nil && spec.Linux.CgroupsPath != "" {
		paths[1] = spec.Linux.CgroupsPath
	}
	var dirs []string
	for _, p := range paths {
		if p == "" || cgroup.LikelySystemdPath(p) {
			continue
		}
		cg, err := cgroup.NewFromPath(p, false)
		if err != nil {
			continue
		}
		for _, c := range controllers() {
			dirs = append(dirs, cg.MakePath(c))
		}
	}
	return dirs
}

// controllers are the directories of the hierarchies of cgroup v1. In v2 there
// is one hierarchy, and the name does not count.
func controllers() []string {
	if cgroup.IsOnlyV2() {
		return []string{""}
	}
	entries, err := os.ReadDir("/sys/fs/cgroup")
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// Sinks is how many trace sinks the engine opens for a sandbox
// (runsc/sandbox/sandbox.go:359). If it cannot read the file, it will say so.
func Sinks(conf *config.Config) int {
	if conf.PodInitConfig == "" {
		return 0
	}
	init, err := boot.LoadInitConfig(conf.PodInitConfig)
	if err != nil {
		return 0
	}
	return len(init.TraceSession.Sinks)
}

// MountsWithFDs is for how many mounts of a container, the root included, the
// engine may donate FDs (runsc/container/container.go:1626).
func MountsWithFDs(spec *specs.Spec) int {
	n := 0
	if spec.Root != nil {
		n++
	}
	for _, m := range spec.Mounts {
		if specutils.HasMountConfig(m) {
			n++
		}
	}
	return n
}
