// Package webhook is the command "runsc webhook": a validating admission webhook
// for Kubernetes, which refuses pods whose hints this runtime could not honour.
package webhook

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/google/subcommands"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/runsc/cmd/util"
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/flag"
)

// defaultClass is the RuntimeClass of the manifests.
const defaultClass = "runsc"

// options is what the command's own flags say.
type options struct {
	listen, cert, key string
	config            string
	classes           classes
	delay             time.Duration
}

// webhook is the "webhook" command.
type webhook struct {
	o    options
	help bool
}

// Command returns the "webhook" command.
func Command() util.SubCommand { return new(webhook) }

// Name implements subcommands.Command.Name.
func (*webhook) Name() string { return "webhook" }

// Synopsis implements subcommands.Command.Synopsis.
func (*webhook) Synopsis() string {
	return "serve an admission webhook that refuses pods whose hints could not be honoured"
}

// Usage implements subcommands.Command.Usage.
func (*webhook) Usage() string {
	return `webhook --tls-cert=FILE --tls-key=FILE [options] - serve a validating admission webhook for Kubernetes.
webhook certificate --dir=DIR --host=NAME [options] - make a certificate for it.

Refuses pods of its RuntimeClasses whose annotations this runtime could not
honour, with what "runsc policy check --kubernetes" says. It decides with the
runtime's global options, which have to be those of the nodes: give them before
"webhook", or the nodes' runsc.toml by --config.

Serves POST /validate, GET /healthz, /readyz and /metrics over HTTPS. A
certificate that is replaced is used from the next connection on. SIGTERM makes
/readyz fail, and ends the process when --shutdown-delay is over and all reviews
are answered.

`
}

// SetFlags implements subcommands.Command.SetFlags.
func (w *webhook) SetFlags(f *flag.FlagSet) {
	f.StringVar(&w.o.listen, "listen", ":8443", "address and port to serve at")
	f.StringVar(&w.o.cert, "tls-cert", "", "file with the certificate and those that it was signed with, PEM")
	f.StringVar(&w.o.key, "tls-key", "", "file with the certificate's key, PEM")
	f.Var(&w.o.classes, "runtime-class", "name of a RuntimeClass whose pods are reviewed; may be repeated (default "+defaultClass+")")
	f.StringVar(&w.o.config, "config", "", "the shim's configuration on the nodes, such as /etc/containerd/runsc.toml; its table runsc_config has the runtime's options")
	f.DurationVar(&w.o.delay, "shutdown-delay", 5*time.Second, "how long to go on serving after SIGTERM, for clients that do not yet know")
	if f.Lookup("help") == nil {
		f.BoolVar(&w.help, "help", false, "describe the command")
		f.BoolVar(&w.help, "h", false, "the same")
	}
}

// FetchSpec implements util.SubCommand.FetchSpec. There is no container.
func (*webhook) FetchSpec(*config.Config, *flag.FlagSet) (string, *specs.Spec, error) {
	return "", nil, nil
}

// Execute implements subcommands.Command.Execute.
func (w *webhook) Execute(ctx context.Context, f *flag.FlagSet, args ...any) subcommands.ExitStatus {
	if w.help {
		fmt.Print(w.Usage())
		f.SetOutput(os.Stdout)
		f.PrintDefaults()
		return subcommands.ExitSuccess
	}
	err := w.run(ctx, f, args[0].(*config.Config))
	if err == nil {
		return subcommands.ExitSuccess
	}
	fmt.Fprintf(os.Stderr, "webhook: %v\n", err)
	// The engine's command line ends with 128 for every other status.
	*args[1].(*unix.WaitStatus) = unix.WaitStatus(subcommands.ExitFailure << 8)
	return subcommands.ExitSuccess
}

func (w *webhook) run(ctx context.Context, f *flag.FlagSet, conf *config.Config) error {
	if f.NArg() > 0 {
		if f.Arg(0) == certificateWord {
			return makeCertificate(f.Args()[1:])
		}
		return fmt.Errorf("unexpected argument %q; allowed: %s; options begin with --, and a value follows its option after =", f.Arg(0), certificateWord)
	}
	if w.o.cert == "" || w.o.key == "" {
		return fmt.Errorf("--tls-cert=%q and --tls-key=%q; give both: an API server speaks to a webhook over HTTPS only; \"runsc webhook certificate --help\" says how to make them", w.o.cert, w.o.key)
	}
	if w.o.config != "" {
		var err error
		if conf, err = applyConfig(w.o.config); err != nil {
			return fmt.Errorf("--config=%s: %w", w.o.config, err)
		}
	}
	if len(w.o.classes) == 0 {
		w.o.classes = classes{defaultClass}
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	return serve(ctx, w.o, conf, slog.New(slog.NewTextHandler(os.Stderr, nil)))
}

// classes is a repeatable flag. The engine parses a command's flags twice.
type classes []string

// String implements flag.Value.
func (c *classes) String() string { return strings.Join(*c, ",") }

// Get implements flag.Getter.
func (c *classes) Get() any { return []string(*c) }

// Set implements flag.Value.
func (c *classes) Set(s string) error {
	if s == "" {
		return fmt.Errorf("%q is no name of a RuntimeClass", s)
	}
	if !slices.Contains(*c, s) {
		*c = append(*c, s)
	}
	return nil
}
