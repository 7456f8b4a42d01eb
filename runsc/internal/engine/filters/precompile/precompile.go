// Package precompile has the engine compile the seccomp programs that package
// filters carries. It is for the generator and for tests.
package precompile

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	_ "unsafe" // for linkname

	"gvisor.dev/gvisor/pkg/seccomp"
	"gvisor.dev/gvisor/pkg/seccomp/precompiledseccomp"
	"gvisor.dev/gvisor/pkg/sentry/platform"
	_ "gvisor.dev/gvisor/pkg/sentry/platform/platforms" // registers them
	sentry "gvisor.dev/gvisor/runsc/boot/filter/config"
	gofer "gvisor.dev/gvisor/runsc/fsgofer/filter/config"
)

// The engine's rules with stand-ins for what is known only when a process
// runs. Its own list of configurations to compile takes minutes.
//
//go:linkname sentryRules gvisor.dev/gvisor/runsc/boot/filter/config.rules
func sentryRules(sentry.Options, precompiledseccomp.Values) (seccomp.SyscallRules, seccomp.SyscallRules)

//go:linkname goferRules gvisor.dev/gvisor/runsc/fsgofer/filter/config.rules
func goferRules(gofer.Options, precompiledseccomp.Values) (seccomp.SyscallRules, seccomp.SyscallRules)

// ErrNotInit: the calling process is not the first of its PID namespace.
var ErrNotInit = errors.New("must run as PID 1: the rules of the engine's platforms contain the number of the process that compiles them, and a sandbox process has the number 1")

// platforms are those that work where the programs are made for.
var platforms = []string{"systrap", "ptrace"}

// All returns the programs by the kind of process they are for.
func All() (map[string][]precompiledseccomp.Program, error) {
	if os.Getpid() != 1 {
		return nil, ErrNotInit
	}
	out := map[string][]precompiledseccomp.Program{}
	for _, o := range goferOptions() {
		p, err := compile(o.ConfigKey(), o.Vars(), func(v precompiledseccomp.Values) *seccomp.Program {
			rules, deny := goferRules(o, v)
			return program(rules, deny, seccomp.ProgramOptions{})
		})
		if err != nil {
			return nil, err
		}
		out["gofer"] = append(out["gofer"], p)
	}
	options, err := sentryOptions()
	if err != nil {
		return nil, err
	}
	for _, o := range options {
		p, err := compile(o.ConfigKey(), o.Vars(), func(v precompiledseccomp.Values) *seccomp.Program {
			rules, deny := sentryRules(o, v)
			return program(rules, deny, sentry.SeccompOptions(o))
		})
		if err != nil {
			return nil, err
		}
		out["sentry"] = append(out["sentry"], p)
	}
	return out, nil
}

func goferOptions() []gofer.Options {
	var out []gofer.Options
	for i := range 8 {
		out = append(out, gofer.Options{DirectFS: true, LisafsNeeded: i&1 != 0, UDSOpenEnabled: i&2 != 0, UDSCreateEnabled: i&4 != 0})
	}
	return out
}

func sentryOptions() ([]sentry.Options, error) {
	var out []sentry.Options
	for _, name := range platforms {
		p, err := platform.Lookup(name)
		if err != nil {
			return nil, err
		}
		for _, info := range p.PrecompiledSeccompInfo() {
			for i := range 4 {
				out = append(out, sentry.Options{Platform: info, HostNetwork: i&1 != 0, HostFilesystem: i&2 != 0})
			}
		}
	}
	return out, nil
}

func compile(name string, vars precompiledseccomp.Values, build func(precompiledseccomp.Values) *seccomp.Program) (precompiledseccomp.Program, error) {
	p, err := precompiledseccomp.Precompile(name, slices.Collect(maps.Keys(vars)), build)
	if err != nil {
		return p, fmt.Errorf("compiling %s: %w", name, err)
	}
	return p, nil
}

// program is laid out as the engine does (runsc/boot/filter/filter.go:79 and
// runsc/fsgofer/filter/filter.go:65).
func program(rules, deny seccomp.SyscallRules, o seccomp.ProgramOptions) *seccomp.Program {
	return &seccomp.Program{RuleSets: []seccomp.RuleSet{{Rules: deny.Copy()}, {Rules: rules.Copy(), Action: seccomp.Allow}}, Options: o}
}

// FileName returns a name that is the program's own.
func FileName(p precompiledseccomp.Program) string {
	return fmt.Sprintf("%x", sha256.Sum256([]byte(p.Name)))[:16]
}
