// Package node is the command "runsc node": it installs this runtime on a node of
// Kubernetes from within a container, and takes it back.
//
// The container has the directory for programs and /etc/containerd of its host,
// by the host's paths, and nothing else: no capability, no shell. So the program
// that is copied to the host is run in the container, and writes to containerd's
// configuration what it would write outside.
package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/directfs/runsc/runsc/internal/shimconfig"
	"github.com/google/subcommands"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/runsc/cmd/util"
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/flag"
)

// programs are copied, from where this one is. The shim starts the runtime, so
// it is the last.
var programs = []string{"runsc", "containerd-shim-runsc-v1"}

// node is the "node" command.
type node struct {
	binDir, stateDir, config, containerd string
	wait, help                           bool
}

// Command returns the "node" command.
func Command() util.SubCommand { return new(node) }

// Name implements subcommands.Command.Name.
func (*node) Name() string { return "node" }

// Synopsis implements subcommands.Command.Synopsis.
func (*node) Synopsis() string {
	return "install this runtime on a node of Kubernetes, from within a container"
}

// Usage implements subcommands.Command.Usage.
func (*node) Usage() string {
	return `node [options] install|uninstall - install this runtime on a node of Kubernetes, from within a container.

install copies runsc and its shim to --bin-dir and has the copy write
containerd's configuration, as "runsc install --client=containerd" does.
uninstall takes both back; it does nothing while --state-dir has containers.
Neither restarts containerd, which knows the runtime from its next start on.

`
}

// SetFlags implements subcommands.Command.SetFlags.
func (n *node) SetFlags(f *flag.FlagSet) {
	f.StringVar(&n.binDir, "bin-dir", "/usr/local/bin", "directory for the programs, which has the same path on the host")
	f.StringVar(&n.stateDir, "state-dir", "/run/containerd/runsc", "directory with the state of the runtime's containers on the host, for uninstall")
	f.StringVar(&n.config, "config", "", "file whose table runsc_config has the runtime's options, for install")
	f.StringVar(&n.containerd, "containerd-config", "/etc/containerd/config.toml", "containerd's configuration, which has the same path on the host")
	f.BoolVar(&n.wait, "wait", false, "do not end when all is done, before SIGTERM")
	if f.Lookup("help") == nil {
		f.BoolVar(&n.help, "help", false, "describe the command")
		f.BoolVar(&n.help, "h", false, "the same")
	}
}

// FetchSpec implements util.SubCommand.FetchSpec. There is no container.
func (*node) FetchSpec(*config.Config, *flag.FlagSet) (string, *specs.Spec, error) {
	return "", nil, nil
}

// Execute implements subcommands.Command.Execute.
func (n *node) Execute(ctx context.Context, f *flag.FlagSet, args ...any) subcommands.ExitStatus {
	if n.help {
		fmt.Print(n.Usage())
		f.SetOutput(os.Stdout)
		f.PrintDefaults()
		return subcommands.ExitSuccess
	}
	err := n.run(ctx, f)
	if err == nil {
		return subcommands.ExitSuccess
	}
	fmt.Fprintf(os.Stderr, "node: %v\n", err)
	// The engine's command line ends with 128 for every other status.
	*args[1].(*unix.WaitStatus) = unix.WaitStatus(subcommands.ExitFailure << 8)
	return subcommands.ExitSuccess
}

func (n *node) run(ctx context.Context, f *flag.FlagSet) error {
	do := map[string]func() error{"install": n.install, "uninstall": n.uninstall}[f.Arg(0)]
	if do == nil || f.NArg() != 1 {
		return fmt.Errorf("arguments %q; allowed: install, uninstall, behind the options", f.Args())
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := do(); err != nil {
		return err
	}
	if n.wait {
		<-ctx.Done()
	}
	return nil
}

// program is a program's place on the host.
func (n *node) program(name string) string { return filepath.Join(n.binDir, name) }

func (n *node) install() error {
	options, err := n.options()
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	changed := false
	for _, name := range programs {
		new, err := replace(filepath.Join(filepath.Dir(self), name), n.program(name))
		if err != nil {
			return err
		}
		changed = changed || new
	}
	before, _ := os.ReadFile(n.containerd) // no file is as good as an empty one
	args := append([]string{"install", "--client=containerd", "--config_file=" + n.containerd, "--"}, options...)
	if err := n.call(args); err != nil {
		return err
	}
	after, err := os.ReadFile(n.containerd)
	if err != nil {
		return err
	}
	switch {
	case !bytes.Equal(before, after):
		fmt.Println("installed. Restart containerd on this node, and then label it runsc.directfs/ready=true")
	case changed:
		fmt.Println("updated. Containers that run keep the programs that they were started with")
	default:
		fmt.Println("installed already; nothing was changed")
	}
	return nil
}

// options are the runtime's, as they follow "--" of "runsc install".
func (n *node) options() ([]string, error) {
	if n.config == "" {
		return nil, nil
	}
	b, err := os.ReadFile(n.config)
	if err != nil {
		return nil, fmt.Errorf("--config: %w", err)
	}
	values, err := shimconfig.Parse(string(b))
	if err != nil {
		return nil, fmt.Errorf("--config=%s: %w", n.config, err)
	}
	var all []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		all = append(all, "--"+name+"="+values[name])
	}
	return all, nil
}

func (n *node) uninstall() error {
	left, err := containers(n.stateDir)
	if err != nil {
		return err
	}
	if len(left) > 0 {
		return fmt.Errorf("--state-dir=%s: %d containers of this runtime are on this node, such as %s; remove the label runsc.directfs/ready, delete their pods, and wait: this command runs again", n.stateDir, len(left), left[0])
	}
	if _, err := os.Stat(n.program(programs[0])); errors.Is(err, fs.ErrNotExist) {
		fmt.Println("not installed; nothing was changed")
		return nil
	}
	conf, err := os.ReadFile(n.containerd)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// A call that was stopped may have come that far.
	if bytes.Contains(conf, []byte(n.program(programs[1]))) {
		if err := n.call([]string{"uninstall", "--client=containerd", "--config_file=" + n.containerd}); err != nil {
			return err
		}
	}
	// The runtime last: if this is stopped, the next call finds it.
	for _, name := range slices.Backward(programs) {
		if err := os.Remove(n.program(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	fmt.Println("uninstalled. Restart containerd on this node, and then remove the label runsc.directfs/install")
	return nil
}

// containers are the files of state in the directories for namespaces of
// containerd.
func containers(dir string) ([]string, error) {
	all, err := filepath.Glob(filepath.Join(dir, "*", "*.state"))
	if err != nil {
		return nil, err
	}
	if _, err := os.ReadDir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("--state-dir: %w", err)
	}
	return all, nil
}

// call calls the runtime on the host's disk, so that it finds its own path there.
func (n *node) call(args []string) error {
	cmd := exec.Command(n.program(programs[0]), args...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s: %w", cmd.Path, args[0], err)
	}
	return nil
}
