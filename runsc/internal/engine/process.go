package engine

import (
	"errors"
	"fmt"
	"path"
	"reflect"
	"slices"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/firstprocess"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"gvisor.dev/gvisor/pkg/bpf"
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/specutils"
	"gvisor.dev/gvisor/runsc/specutils/seccomp"
)

// HasFirstProcess reports whether a first process mounts overlays before the
// container's process is there.
func HasFirstProcess(p directfspolicy.Plan) bool { return len(sentryOverlays(p)) > 0 }

// AddFirstProcess makes the process of a spec one behind a first process, which
// mounts the overlays that the sentry makes: the engine gives that one the
// container's identity and all capabilities, and it leaves the container's process
// what the spec says. The spec is for the sandbox process; exec reads the user's.
// The returned function undoes it.
func AddFirstProcess(conf *config.Config, spec *specs.Spec, p directfspolicy.Plan) (undo func(), err error) {
	if !HasFirstProcess(p) {
		return func() {}, nil
	}
	if spec.Process == nil {
		return nil, fmt.Errorf("the spec has no process, and its overlays need one")
	}
	c, err := firstProcess(conf, spec, p)
	if err != nil {
		return nil, err
	}
	process, linux := *spec.Process, spec.Linux
	if process.Args, process.Env, err = firstprocess.Command(c, process.Args, process.Env); err != nil {
		return nil, err
	}
	process.Cwd, process.Capabilities = "/", specutils.AllCapabilities()
	user := spec.Process
	spec.Process = &process
	if linux != nil && len(c.Seccomp) > 0 {
		without := *linux
		without.Seccomp = nil
		spec.Linux = &without
	}
	return func() { spec.Process, spec.Linux = user, linux }, nil
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
	if conf.OCISeccomp && spec.Linux != nil && spec.Linux.Seccomp != nil {
		program, err := seccomp.BuildProgram(spec.Linux.Seccomp)
		if err != nil {
			return c, fmt.Errorf("seccomp program of the container's process: %w", err)
		}
		if c.Seccomp, err = programBytes(program); err != nil {
			return c, fmt.Errorf("seccomp program of the container's process: %w", err)
		}
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

// programBytes is the program as the kernel has it (struct sock_filter, bpf(2)).
// The engine keeps the instructions to itself (pkg/bpf/interpreter.go:93).
func programBytes(p bpf.Program) ([]byte, error) {
	list := reflect.ValueOf(p).FieldByName("instructions")
	if !list.IsValid() || list.Kind() != reflect.Slice || list.Len() == 0 || list.Len() != p.Length() {
		return nil, errors.New("the engine's programs have another form now")
	}
	all := make([]bpf.Instruction, list.Len())
	for i := range all {
		in := list.Index(i)
		field := func(name string) uint64 { return in.FieldByName(name).Uint() }
		all[i] = bpf.RawInstruction(uint16(field("OpCode")), uint8(field("JumpIfTrue")), uint8(field("JumpIfFalse")), uint32(field("K")))
	}
	return bpf.ToBytecode(all), nil
}
