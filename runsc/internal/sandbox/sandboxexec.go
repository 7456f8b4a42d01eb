package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/directfs/runsc/runsc/internal/engine"
	"github.com/directfs/runsc/runsc/internal/statedir"
	"github.com/google/subcommands"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"gvisor.dev/gvisor/runsc/cmd"
	"gvisor.dev/gvisor/runsc/cmd/util"
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/flag"
	"gvisor.dev/gvisor/runsc/specutils"
)

// sandboxExec is the "sandboxexec" command.
type sandboxExec struct{ cmd.SandboxExec }

// SandboxExec returns the "sandboxexec" command.
func SandboxExec() util.SubCommand { return Clean(&sandboxExec{}) }

// Execute implements subcommands.Command.Execute. The engine's command reads
// options, perhaps from its standard input, makes a spec of them under an id
// that it draws, writes the spec to a bundle, and only then has a gofer started
// (runsc/cmd/sandboxexec.go:70). So the Plan is resolved when the gofer asks
// for it. There are no hints in such a spec, and it stands alone.
func (s *sandboxExec) Execute(ctx context.Context, f *flag.FlagSet, args ...any) subcommands.ExitStatus {
	conf := args[0].(*config.Config)
	c := &creation{conf: conf, spec: &specs.Spec{}, late: true, show: func() {}}
	c.decide = c.decideByBundle
	for _, step := range []func() error{func() error { return refuseSidecar(conf) }, requireKernel, engine.LetGoferAsk} {
		if err := step(); err != nil {
			return util.Errorf("%s: %v", s.Name(), err)
		}
	}
	statedir.SweepUnclaimed(conf.RootDir, isDrawnID)
	return c.run(s.Name(), func() subcommands.ExitStatus { return s.SandboxExec.Execute(ctx, f, args...) })
}

// decideByBundle resolves the Plan of the container that a gofer was started
// for.
func (c *creation) decideByBundle(gofer int) error {
	id, bundle, err := goferOf(gofer)
	if err != nil {
		return fmt.Errorf("asking the gofer for its container: %w", err)
	}
	spec, err := specutils.ReadSpec(bundle, c.conf)
	if err != nil {
		return fmt.Errorf("reading spec: %w", err)
	}
	// They are there before the gofer is (runsc/container/container.go:360), and
	// are nobody else's: the id was drawn for this container.
	c.cgroups = engine.Cgroups(c.conf, id, spec)
	full := fullID(spec, id)
	plan, unlock, err := decide(c.conf, full, spec)
	if err != nil {
		return err
	}
	unlock()
	// The engine has looked at its switch for the sandbox's privileges already.
	if err := engine.CheckCreate(c.conf, plan); err != nil {
		return err
	}
	c.id, c.spec, c.plan = full, spec, plan
	c.answer, err = engine.EncodePlan(plan)
	return err
}

// goferOf returns what a gofer was started with (runsc/container/container.go:1558).
func goferOf(pid int) (id, bundle string, err error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return "", "", err
	}
	args := bytes.Split(bytes.TrimSuffix(data, []byte{0}), []byte{0})
	for i, a := range args {
		if string(a) == "--bundle" && i+1 < len(args) {
			return string(args[len(args)-1]), string(args[i+1]), nil
		}
	}
	return "", "", errors.New("it has no bundle")
}
