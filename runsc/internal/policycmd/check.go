package policycmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/kubepolicy"
	"github.com/directfs/runsc/runsc/internal/volumes"
	"github.com/google/subcommands"
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/flag"
)

// check is "policy check".
type check struct {
	bundle     bundleFlags
	kubernetes bool
}

// Name implements subcommands.Command.Name.
func (*check) Name() string { return "check" }

// Synopsis implements subcommands.Command.Synopsis.
func (*check) Synopsis() string { return "say whether a bundle or a pod would be refused" }

// Usage implements subcommands.Command.Usage.
func (*check) Usage() string {
	return `policy check [options] - say whether a bundle or a pod would be refused.

Lists every reason to refuse the container, and starts nothing.
With --kubernetes, reads from stdin a Pod in JSON, or the object of its
annotations alone, and also says what the gVisor containerd shim does to them.

Exit status: 0 if nothing is refused, 1 if something is, 2 if the input cannot
be read. What is refused is on stderr, warnings and notes are on stdout.

  runsc policy check --bundle DIR
  kubectl get pod NAME -o json | runsc policy check --kubernetes
  kubectl create -f pod.yaml --dry-run=client -o json | runsc policy check --kubernetes
`
}

// SetFlags implements subcommands.Command.SetFlags.
func (c *check) SetFlags(f *flag.FlagSet) {
	c.bundle.set(f)
	f.BoolVar(&c.kubernetes, "kubernetes", false, "check the Pod, or the annotations of one, on stdin")
}

// Execute implements subcommands.Command.Execute.
func (c *check) Execute(_ context.Context, f *flag.FlagSet, args ...any) subcommands.ExitStatus {
	conf := args[0].(*config.Config)
	if err := c.arguments(f); err != nil {
		return fail(c.Name(), err)
	}
	if c.kubernetes {
		return c.pod(conf, os.Stdin)
	}
	in, err := c.bundle.load(conf)
	if err != nil {
		return fail(c.Name(), err)
	}
	out, err := in.resolve()
	if err != nil {
		return fail(c.Name(), in.problems()...)
	}
	for _, w := range out.plan.Warnings() {
		fmt.Println("warning:", w)
	}
	if hints := out.plan.Container().Ceiling; hints != directfspolicy.AllHints {
		fmt.Printf("note: --directfs-hints=%v\n", hints)
	}
	fmt.Println("ok")
	return exitOK
}

func (c *check) arguments(f *flag.FlagSet) error {
	if err := noArguments(f); err != nil {
		return err
	}
	bundle := false
	f.Visit(func(fl *flag.Flag) { bundle = bundle || fl.Name == "bundle" || fl.Name == "pod-bundle" })
	if c.kubernetes && bundle {
		return usagef("--kubernetes checks what is on stdin; remove --bundle and --pod-bundle")
	}
	return nil
}

// pod checks a pod before there is a bundle.
func (c *check) pod(conf *config.Config, r io.Reader) subcommands.ExitStatus {
	b, err := io.ReadAll(r)
	if err != nil {
		return fail(c.Name(), usagef("reading stdin: %w", err))
	}
	pod, err := kubepolicy.ParsePod(b)
	if err != nil {
		return fail(c.Name(), usagef("stdin: %w", err))
	}
	var refused []error
	for _, f := range NewPodChecker(conf, volumes.Gofers("", "")).CheckAndNote(pod) {
		if f.Level == kubepolicy.Refused {
			refused = append(refused, errors.New(f.Text))
			continue
		}
		fmt.Printf("%s: %s\n", f.Level, f.Text)
	}
	if len(refused) > 0 {
		return fail(c.Name(), refused...)
	}
	fmt.Println("ok")
	return exitOK
}
