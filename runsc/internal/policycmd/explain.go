package policycmd

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/volumes"
	"github.com/google/subcommands"
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/flag"
)

// explain is "policy explain".
type explain struct {
	bundle bundleFlags
	format string
	calls  bool
	whatIf scenarioFlag
}

// Name implements subcommands.Command.Name.
func (*explain) Name() string { return "explain" }

// Synopsis implements subcommands.Command.Synopsis.
func (*explain) Synopsis() string {
	return "show what is decided for a bundle and why, and what other hints would change"
}

// Usage implements subcommands.Command.Usage.
func (*explain) Usage() string {
	return `policy explain [options] - show what is decided for a bundle and why, and what other hints would change.

Prints the plan with which the container would be created: every mount with
its access and cache mode, what the sandbox and the gofer hold, and because of
which mount.

--what-if=NAME=VALUE adds what would change if a hint were on, off or default,
or, for the cache mode, cache=shared, cache=exclusive or cache=default, or, for
who serves the mount, gofer=BACKEND/VOLUME or gofer=default.
NAME is the NAME of mount annotations, the destination of a mount, or rootfs.
Changes separated by commas are made together; each --what-if is answered
separately.

  runsc policy explain --bundle DIR
  runsc policy explain --bundle DIR --what-if=/data=off
  runsc policy explain --bundle DIR --what-if=rootfs=off,/data=off --calls
  runsc policy explain --bundle DIR --format=dot | dot -Tsvg > plan.svg
`
}

// SetFlags implements subcommands.Command.SetFlags.
func (e *explain) SetFlags(f *flag.FlagSet) {
	e.bundle.set(f)
	f.StringVar(&e.format, "format", "text", "output `FORMAT`: text, json or dot")
	f.BoolVar(&e.calls, "calls", false, "list the system calls that the filters allow")
	f.Var(&e.whatIf, "what-if", "`NAME=VALUE[,NAME=VALUE]`: what would change; may be repeated")
}

// Execute implements subcommands.Command.Execute.
func (e *explain) Execute(_ context.Context, f *flag.FlagSet, args ...any) subcommands.ExitStatus {
	if err := e.arguments(f); err != nil {
		return fail(e.Name(), err)
	}
	in, err := e.bundle.load(args[0].(*config.Config))
	if err != nil {
		return fail(e.Name(), err)
	}
	now, err := in.resolve()
	if err != nil {
		return fail(e.Name(), in.problems()...)
	}
	text, err := e.answer(in, now)
	if err != nil {
		return fail(e.Name(), err)
	}
	fmt.Print(text)
	return exitOK
}

func (e *explain) arguments(f *flag.FlagSet) error {
	if err := noArguments(f); err != nil {
		return err
	}
	if err := oneOf("--format", e.format, "text", "json", "dot"); err != nil {
		return err
	}
	if e.format == "dot" && (e.calls || len(e.whatIf) > 0) {
		return usagef("--format=dot draws the plan alone; remove --calls and --what-if, or use --format=text or json")
	}
	return nil
}

// answer explains the outcome and what would change it.
func (e *explain) answer(in input, now outcome) (string, error) {
	answers := []answer{}
	for _, s := range e.whatIf {
		a, err := s.ask(in, now)
		if err != nil {
			return "", err
		}
		answers = append(answers, a)
	}
	switch e.format {
	case "json":
		return e.json(now, answers)
	case "dot":
		return drawDot(now.plan), nil
	}
	return e.text(now, answers), nil
}

// envelopeVersion is the version of the JSON that this command writes around
// the Plan's own. It changes when a field changes its meaning or goes away.
const envelopeVersion = 2

// envelope is the answer in JSON.
type envelope struct {
	Version int        `json:"version"`
	Plan    view       `json:"plan"`
	PodPlan *view      `json:"podPlan,omitempty"`
	Calls   *callLists `json:"calls,omitempty"`
	WhatIf  []answer   `json:"whatIf"`
}

// callLists are the system calls that the Plan's sets allow.
type callLists struct {
	Sentry []string `json:"sentry"`
	Gofer  []string `json:"gofer"`
}

func (e *explain) json(o outcome, answers []answer) (string, error) {
	v := envelope{Version: envelopeVersion, Plan: viewOf(o.plan), WhatIf: answers}
	if o.pod != nil {
		pod := viewOf(*o.pod)
		v.PodPlan = &pod
	}
	if e.calls {
		v.Calls = &callLists{
			Sentry: directfspolicy.Calls(o.plan.Sentry()...),
			Gofer:  union(directfspolicy.Calls(o.plan.Gofer()...), volumes.Calls(o.plan)),
		}
	}
	return marshal(v)
}

func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

func marshal(v any) (string, error) {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return "", fmt.Errorf("encoding: %w", err)
	}
	return string(b) + "\n", nil
}

func (e *explain) text(o outcome, answers []answer) string {
	var b strings.Builder
	writePlan(&b, o)
	if e.calls {
		writeCalls(&b, "sentry", o.plan.Sentry())
		writeCalls(&b, "gofer", o.plan.Gofer())
		if calls, _ := backendCalls(o.plan); len(calls) > 0 {
			fmt.Fprintf(&b, "\ngofer, backends of volumes: %d more calls\n", len(calls))
			writeWrapped(&b, calls)
		}
	}
	for _, a := range answers {
		a.write(&b, e.calls)
	}
	return b.String()
}
