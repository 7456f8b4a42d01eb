package volumed

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/directfs/runsc/pkg/volume"
	"github.com/directfs/runsc/pkg/volume/blob"
	"github.com/directfs/runsc/pkg/volume/blob/internal/volumed/metrics"
	"github.com/directfs/runsc/pkg/volume/blob/internal/volumed/settings"
	"github.com/google/subcommands"
	"github.com/prometheus/client_golang/prometheus"
)

// defaultMemory is of a worker: ranged reads may use 256 MiB (package blob), and
// an upload 32.
const defaultMemory = settings.Size(1 << 30)

// serve is "volumed serve".
type serve struct {
	source   source
	log      logFlags
	progress time.Duration
}

// Name implements subcommands.Command.Name.
func (*serve) Name() string { return "serve" }

// Synopsis implements subcommands.Command.Synopsis.
func (*serve) Synopsis() string { return "serve object stores as volumes" }

// Usage implements subcommands.Command.Usage.
func (*serve) Usage() string {
	return `serve [options] - serve object stores as volumes, until SIGTERM or SIGINT.

  volumed serve --socket /run/volumed/volumed.sock --volume photos=s3://photos?region=eu-west-1,read-only
  volumed serve --config /etc/volumed/config.json

A URL is s3://BUCKET, gs://BUCKET, azblob://CONTAINER, file:///DIR or mem://.
Credentials come from the environment of volumed, or from files that the
configuration names. The runtime is told with --volume-daemon=NAME=unix:PATH.

`
}

// SetFlags implements subcommands.Command.SetFlags.
func (c *serve) SetFlags(f *flag.FlagSet) {
	c.source.setFlags(f)
	f.StringVar(&c.source.over.Socket, "socket", "", "listen at the unix socket `PATH`")
	f.StringVar(&c.source.over.StateDir, "state-dir", "", "`DIR` for cached and staged files (default: /var/lib/volumed for root, else volumed in $XDG_STATE_HOME or ~/.local/state)")
	f.StringVar(&c.source.over.Metrics, "metrics", "", "serve metrics for Prometheus at `ADDRESS`, HOST:PORT or unix:PATH (default: not at all)")
	f.DurationVar(&c.progress, "progress", 10*time.Second, "log how far an upload is every `TIME`; 0 for never")
	c.log.setFlags(f)
}

// Execute implements subcommands.Command.Execute.
func (c *serve) Execute(_ context.Context, f *flag.FlagSet, _ ...any) subcommands.ExitStatus {
	if f.NArg() > 0 {
		return usageError(f, fmt.Errorf("unexpected argument %q", f.Arg(0)))
	}
	log, err := c.log.logger(os.Stderr)
	if err != nil {
		return usageError(f, err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	if err := c.serve(ctx, log); err != nil {
		fmt.Fprintln(os.Stderr, "volumed:", err)
		return subcommands.ExitFailure
	}
	return subcommands.ExitSuccess
}

// settings returns those of the daemon, also in its workers.
func (c *serve) settings() (settings.Settings, error) {
	if s, ok, err := handed(); ok {
		return s, err
	}
	s, err := c.source.load()
	switch {
	case err != nil:
		return s, err
	case s.Socket == "":
		return s, errors.New("there is no socket; write --socket PATH, or socket in the file")
	}
	if s.Memory == 0 {
		s.Memory = defaultMemory
	}
	for _, name := range s.Names() {
		if err := checkMemory(s.Volumes[name], s.Memory); err != nil {
			return s, fmt.Errorf("volume %s: %w", name, err)
		}
	}
	return s, hand(s)
}

// checkMemory refuses what a worker could be killed for.
func checkMemory(v settings.Volume, memory settings.Size) error {
	if v.MemorySize > memory/2 {
		return fmt.Errorf("memory-size %v is more than half of worker-memory, %v", v.MemorySize, memory)
	}
	requests := cmp.Or(v.Requests, blob.DefaultConfig.Requests)
	part := cmp.Or(v.PartSize, settings.Size(blob.DefaultConfig.PartBytes))
	if part > memory/2/settings.Size(requests) {
		return fmt.Errorf("%d requests with a part-size of %v need more than half of worker-memory, %v", requests, part, memory)
	}
	return nil
}

func (c *serve) serve(ctx context.Context, log *slog.Logger) error {
	s, err := c.settings()
	if err != nil {
		return err
	}
	l, err := volume.Listen(s.Socket)
	if err != nil {
		return err
	}
	srv := &server{settings: s, dir: stateDir(s.StateDir), log: log, progress: c.progress}
	options := volume.ServeOptions{Memory: int64(s.Memory), DrainTimeout: time.Duration(s.Drain), Logger: log}
	if l.IsWorker() {
		srv.log = log.With("worker", os.Getpid())
		return volume.Serve(ctx, l, srv.resolve, options)
	}
	d := &daemonProcess{server: srv, options: options}
	if err := d.prepare(ctx); err != nil {
		return errors.Join(err, l.Close())
	}
	return d.serve(ctx, l)
}

// daemonProcess is what the daemon has beside its workers.
type daemonProcess struct {
	*server
	options volume.ServeOptions
	lock    *os.File
	wake    chan struct{}
	tasks   sync.WaitGroup
	stop    context.CancelFunc // of the tasks
}

func (d *daemonProcess) prepare(ctx context.Context) (err error) {
	if err := d.dir.prepare(); err != nil {
		return err
	}
	if d.lock, err = d.dir.lock(); err != nil {
		return err
	}
	if err := errors.Join(d.dir.awaitWorkers(ctx), d.dir.removeBegun()); err != nil {
		return err
	}
	d.wake = make(chan struct{}, 1)
	e := newEvents(d.wake)
	d.options.Observe = e.observe
	ctx, d.stop = context.WithCancel(context.WithoutCancel(ctx))
	d.sweeper = newSweeper(ctx, d.server, e)
	if d.settings.Metrics == "" {
		return nil
	}
	return d.serveMetrics(ctx, e)
}

func (d *daemonProcess) serveMetrics(ctx context.Context, e *events) error {
	c, err := metrics.NewCollector(d.dir.counts(), d.settings.Names())
	if err != nil {
		return err
	}
	r := prometheus.NewRegistry()
	r.MustRegister(c)
	r.MustRegister(e.collectors()...)
	l, err := metrics.Listen(d.settings.Metrics)
	if err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	d.log.Info("serving metrics", "address", d.settings.Metrics)
	d.tasks.Go(func() { metrics.Serve(ctx, l, r) })
	d.tasks.Go(func() { c.Tidy(ctx) })
	return nil
}

func (d *daemonProcess) serve(ctx context.Context, l *volume.Listener) error {
	d.warn()
	d.tasks.Go(func() { d.sweeper.run(d.wake) })
	// The socket is there: whoever connects now is served in a moment.
	d.log.Info("listening", "socket", d.settings.Socket, "volumes", strings.Join(d.settings.Names(), " "), "state-dir", string(d.dir))
	notify(daemon.SdNotifyReady)
	stopping := sync.OnceFunc(func() { notify(daemon.SdNotifyStopping) })
	context.AfterFunc(ctx, stopping)
	err := volume.Serve(ctx, l, d.resolve, d.options)
	stopping() // waits for the other call
	d.stop()
	d.tasks.Wait()
	return errors.Join(err, d.dir.removeEmpty(), d.lock.Close())
}

func (d *daemonProcess) warn() {
	for _, name := range d.settings.Names() {
		if storeScheme(d.settings.Volumes[name]) == "mem" {
			d.log.Warn("a volume in memory is for trying out: each sandbox has one of its own, which ends with it", "volume", name)
		}
	}
}

// notify tells the service manager, if there is one: sd_notify(3).
func notify(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		slog.Warn("telling the service manager", "state", state, "error", err)
	}
}
