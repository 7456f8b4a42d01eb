package engine

import (
	"fmt"
	"slices"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/syscalls"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/seccomp"
)

// The engine's filters know directfs as all or nothing. Where a Plan allows
// less than that, a second filter is stacked upon the engine's: of two filters
// the stricter answer counts (seccomp(2)).

// denied is what a stacked filter answers. The caller sees an error that file
// systems give as well, so that a call nobody thought of fails like a write to
// a read-only mount would, and not with the whole sandbox.
var denied = seccomp.ReturnError.Code(uint16(unix.EROFS))

// NarrowSentry returns the program to stack upon the engine's filter for the
// sandbox process, or nil where that one is exact.
func NarrowSentry(p directfspolicy.Plan) (*seccomp.Program, error) {
	if !slices.Contains(p.Sentry(), directfspolicy.SentryHostFilesystemRead) {
		return nil, nil
	}
	rules, err := without(directfspolicy.Calls(p.Sentry()...), directfspolicy.SentryBase, directfspolicy.SentryHostFilesystem)
	if err != nil {
		return nil, err
	}
	// Calls that only some arguments turn into a change.
	rules.Set(unix.SYS_OPENAT, seccomp.MatchAll{})
	rules.Set(unix.SYS_UTIMENSAT, seccomp.MatchAll{})
	reading := seccomp.MakeSyscallRules(map[uintptr]seccomp.SyscallRule{
		unix.SYS_OPENAT: seccomp.PerArg{
			seccomp.AnyValue{},
			seccomp.AnyValue{},
			seccomp.MaskedEqual(unix.O_ACCMODE|unix.O_CREAT|unix.O_TRUNC, unix.O_RDONLY),
		},
		// Without a path it sets the times of an FD; the base has that.
		unix.SYS_UTIMENSAT: seccomp.PerArg{
			seccomp.AnyValue{},
			seccomp.EqualTo(0),
		},
	})
	return stacked(reading, rules), nil
}

// NarrowGofer returns the program to stack upon the engine's filter for the
// gofer, or nil where that one is exact. more are calls beside those of the
// Plan's sets.
func NarrowGofer(p directfspolicy.Plan, more []string) (*seccomp.Program, error) {
	engine := []directfspolicy.SetName{directfspolicy.GoferBase, directfspolicy.GoferDirectFSFallback}
	if needsLisaFS(p) {
		engine = append(engine, directfspolicy.GoferLisaFS)
	}
	rules, err := without(append(directfspolicy.Calls(p.Gofer()...), more...), engine...)
	if err != nil || rules.Size() == 0 {
		return nil, err
	}
	return stacked(seccomp.NewSyscallRules(), rules), nil
}

// CallRules are rules that match calls by their names, whatever the arguments.
func CallRules(names []string) (seccomp.SyscallRules, error) {
	rules := seccomp.NewSyscallRules()
	for _, name := range names {
		nr, ok := syscalls.Number(name)
		if !ok {
			return rules, fmt.Errorf("no number for system call %q", name)
		}
		rules.Set(uintptr(nr), seccomp.MatchAll{})
	}
	return rules, nil
}

// without returns rules for the calls of the engine's sets that are not planned.
func without(planned []string, engine ...directfspolicy.SetName) (seccomp.SyscallRules, error) {
	return CallRules(slices.DeleteFunc(directfspolicy.Calls(engine...), func(name string) bool { return slices.Contains(planned, name) }))
}

func stacked(allow, deny seccomp.SyscallRules) *seccomp.Program {
	return &seccomp.Program{
		RuleSets: []seccomp.RuleSet{
			{Rules: allow, Action: seccomp.Allow},
			{Rules: deny, Action: denied},
		},
		// A call by the numbers of another architecture is for the engine's
		// filter to refuse.
		Options: seccomp.ProgramOptions{DefaultAction: seccomp.Allow, BadArchAction: seccomp.Allow},
	}
}
