package engine

import (
	"fmt"
	"path"
	"slices"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/firstprocess"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/specutils"
)

// HasFirstProcess reports whether a first process mounts overlays before the
// container's process is there.
func HasFirstProcess(p directfspolicy.Plan) bool { return len(sentryOverlays(p)) > 0 }

// FirstProcessName is what a first process is called in the list of processes: the
// kernel cuts names at 15 bytes (TASK_COMM_LEN, proc_pid_comm(5)).
var FirstProcessName = firstprocess.ProgramName[:15]

// AddFirstProcess makes the process of a spec one behind a first process, which
// mounts the overlays that the sentry makes: the engine gives that one the
// container's identity and all capabilities, and it leaves the container's process
// what the spec says. The spec is for the sandbox process; exec reads the user's.
// The returned function undoes it.
func AddFirstProcess(conf *config.Config, spec *specs.Spec, p directfspolicy.Plan) (undo func(), err error) {
	if !HasFirstProcess(p) {
		return func() {}, nil
	}
	if err := CheckFirstProcess(conf, spec, p); err != nil {
		return nil, err
	}
	c, err := firstProcess(conf, spec, p)
	if err != nil {
		return nil, err
	}
	process := *spec.Process
	if process.Args, process.Env, err = firstprocess.Command(c, process.Args, process.Env); err != nil {
		return nil, err
	}
	process.Cwd, process.Capabilities = "/", specutils.AllCapabilities()
	user := spec.Process
	spec.Process = &process
	return func() { spec.Process = user }, nil
}

// leastLimits are what a program of Go needs to start.
var leastLimits = []struct {
	resource string
	least    uint64
	of       func(specs.POSIXRlimit) uint64
}{
	{"RLIMIT_AS", 1 << 30, func(l specs.POSIXRlimit) uint64 { return l.Soft }},
	// Its first thread has the stack that the engine gives it.
	{"RLIMIT_STACK", 64 << 10, func(l specs.POSIXRlimit) uint64 { return l.Soft }},
	// Three are open, and packages open a file and what waits for files
	// (runtime/netpoll_epoll.go). It raises the soft limit itself.
	{"RLIMIT_NOFILE", 8, func(l specs.POSIXRlimit) uint64 { return l.Hard }},
}

// CheckFirstProcess refuses a spec with which a container cannot have a first
// process: the engine takes the seccomp profile and the limits of what exec starts
// from the spec with that process (runsc/boot/loader.go:1746), so that the user's
// cannot be left out there.
func CheckFirstProcess(conf *config.Config, spec *specs.Spec, p directfspolicy.Plan) error {
	if !HasFirstProcess(p) {
		return nil
	}
	const instead = "let the host's driver make the overlay, by the option gvisor.overlay=host"
	refuse := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s, or %s", directfspolicy.ErrInvalidRequest, fmt.Sprintf(format, args...), instead)
	}
	switch rootfs, served := rootfsDecision(p); {
	case spec.Process == nil:
		return refuse("the spec has no process, and the sandbox's overlays need one: add one")
	case !slices.ContainsFunc(p.Decisions(), isProgram):
		return refuse("the path of the runtime's own program is unknown (/proc/self/exe), and it mounts the sandbox's overlays: mount /proc")
	case served && rootfs.Cache == directfspolicy.CacheShared:
		// Its names lead to the first process, which has all capabilities.
		return refuse("the rootfs has a shared cache, and whoever else writes to it could take the place of the process that mounts the sandbox's overlays: give it an exclusive one, by --file-access=exclusive")
	case conf.OCISeccomp && spec.Linux != nil && spec.Linux.Seccomp != nil:
		return refuse("linux.seccomp with --oci-seccomp: the profile would hold for the process that mounts the sandbox's overlays: remove it")
	}
	for _, l := range spec.Process.Rlimits {
		for _, n := range leastLimits {
			if value := n.of(l); l.Type == n.resource && value < n.least {
				return refuse("process.rlimits: %s=%d: the process that mounts the sandbox's overlays needs at least %d: raise it", l.Type, value, n.least)
			}
		}
	}
	for _, o := range sentryOverlays(p) {
		at := func(m specs.Mount) bool { return path.Clean(m.Destination) == o }
		if i := slices.IndexFunc(spec.Mounts, at); i >= 0 && slices.ContainsFunc(spec.Mounts[i+1:], at) {
			return refuse("mount %q: the sandbox makes an overlay at this place, and another mount has it too: remove one of the two", o)
		}
		if slices.Contains([]string{"/", "/proc", "/sys", "/dev", "/dev/pts", "/sys/fs/cgroup"}, o) {
			return refuse("mount %q: the sandbox cannot make an overlay where it has a file system of its own: mount it below", o)
		}
	}
	return checkMostMounts(p, instead)
}

// isProgram reports whether the decision is about the program that mounts overlays,
// and says where that is.
func isProgram(d directfspolicy.Decision) bool {
	return d.Layer != nil && d.Layer.Kind == directfspolicy.ProgramFile && len(d.Sources) > 0 && path.IsAbs(d.Sources[0].Path)
}

// firstProcess says what the first process has to do.
func firstProcess(conf *config.Config, spec *specs.Spec, p directfspolicy.Plan) (c firstprocess.Config, err error) {
	c.Cwd = spec.Process.Cwd
	caps, err := specutils.Capabilities(conf.EnableRaw, spec.Process.Capabilities)
	if err != nil {
		return c, fmt.Errorf("capabilities of the container's process: %w", err)
	}
	c.Capabilities = firstprocess.Capabilities{
		Bounding: uint64(caps.BoundingCaps), Effective: uint64(caps.EffectiveCaps), Inheritable: uint64(caps.InheritableCaps),
		Permitted: uint64(caps.PermittedCaps), Ambient: uint64(caps.AmbientCaps),
	}
	mounts := LowerOverlays(spec.Mounts, p)
	stages := Stages(mounts, p)
	for _, d := range p.Decisions() {
		if isSentryOverlay(d) {
			c.Overlays = append(c.Overlays, overlayOf(d, mounts, stages))
		}
	}
	return c, nil
}

// overlayOf says what one overlay is made of.
func overlayOf(d directfspolicy.Decision, mounts []specs.Mount, stages []Stage) firstprocess.Overlay {
	o := firstprocess.Overlay{Target: d.Mount}
	o.Flags.ReadOnly = d.ReadOnly || d.SpecialFiles
	for i, m := range mounts {
		if i+1 < len(mounts) && stages[i+1] == FirstLayer(d.Mount) && path.Clean(m.Destination) == d.Mount {
			o.Flags.NoSUID = slices.Contains(m.Options, "nosuid")
			o.Flags.NoDev = slices.Contains(m.Options, "nodev")
			o.Flags.NoExec = slices.Contains(m.Options, "noexec")
			o.Flags.NoATime = slices.Contains(m.Options, "noatime")
		}
		s := stages[i]
		if s.Of != d.Mount {
			continue
		}
		switch {
		case s.Name == firstprocess.UpperName:
			o.Writable = true
		case s.Name == firstprocess.LowerName(o.Lowers):
			o.Lowers++
		case s.Name == firstprocess.NestedName(len(o.Nested)):
			o.Nested = append(o.Nested, path.Clean(m.Destination))
		}
	}
	return o
}
