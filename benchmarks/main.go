// Command benchmarks compares this module's runsc with upstream's, with runc
// and with the host itself; with the argument volumes, its volumes with FUSE
// clients; with the argument overlays, its overlay mounts with overlays that are
// mounted by hand; with the argument webhook, its admission webhook alone.
// docs/benchmarks.md, docs/benchmarks-volumes.md, docs/benchmarks-overlays.md and
// docs/webhook.md say what is measured and how.
package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/directfs/runsc/benchmarks/measure"
	"github.com/directfs/runsc/benchmarks/report"
	"github.com/directfs/runsc/benchmarks/results"
	"github.com/directfs/runsc/runsc/harness"
	"golang.org/x/sys/unix"
)

func main() {
	closeHighFDs()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

// closeHighFDs closes what a shell or an editor left open. A process starts with
// a table of FDs that is as large as its parent's, and from 256 on up upstream's
// sandbox process need not wait for the kernel to grow it. Under containerd's
// shim, and so under Docker and Kubernetes, the table is small.
func closeHighFDs() {
	const small = 64 // NR_OPEN_DEFAULT
	_ = unix.CloseRange(small, math.MaxInt32, 0)
}

func run(ctx context.Context) error {
	if len(os.Args) > 1 && os.Args[1] == volumesWord {
		return runVolumes(ctx, os.Args[2:])
	}
	if len(os.Args) > 1 && os.Args[1] == overlaysWord {
		return runOverlays(ctx, os.Args[2:])
	}
	if len(os.Args) > 1 && os.Args[1] == webhookWord {
		return runWebhook(ctx, os.Args[2:])
	}
	c, err := parse(os.Args[1:])
	if err != nil {
		return err
	}
	if c.report != "" {
		if err := os.MkdirAll(c.out, 0o755); err != nil {
			return err
		}
		return show(c.report, c.out)
	}
	r, err := benchmark(ctx, c, newProgress())
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.out, 0o755); err != nil {
		return err
	}
	if err := r.Write(filepath.Join(c.out, report.ResultsFile)); err != nil {
		return err
	}
	return show(filepath.Join(c.out, report.ResultsFile), c.out)
}

func newProgress() *measure.Progress {
	return measure.NewProgress(os.Stderr, isTerminal(os.Stderr), time.Now)
}

// inDir calls do with the main module's directory and a new one to work in,
// which has one for programs.
func inDir(module, parent string, do func(module, dir, bin string) error) (err error) {
	if module, err = filepath.Abs(module); err != nil {
		return err
	}
	// The path of sockets below it is limited, so the name is short.
	dir, err := os.MkdirTemp(parent, "rb")
	if err != nil {
		return err
	}
	defer func() {
		// With a mount left below, removing all could reach what is mounted.
		if !errors.Is(err, measure.ErrLeft) {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	if err := os.Chmod(dir, 0o711); err != nil {
		return err
	}
	bin := filepath.Join(dir, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		return err
	}
	return do(module, dir, bin)
}

// benchmark builds and measures, in a new directory of its own.
func benchmark(ctx context.Context, c command, p *measure.Progress) (r *results.Results, err error) {
	o := measure.Options{Configs: c.configs, Workloads: c.workloads, OneCPU: c.oneCPU, Rounds: c.count,
		Starts: c.starts(), Memory: c.memory, Sample: c.sample, Progress: p}
	var skipped []string
	o.Tools, skipped = measure.FindTools(ctx)
	err = inDir(c.module, c.dir, func(module, dir, bin string) error {
		o.Dir = dir
		if o.Programs, err = measure.Build(ctx, module, bin, o.Configs, p.Say); err != nil {
			return err
		}
		skipped = append(skipped, o.SkipMissing()...)
		for _, s := range skipped {
			p.Say(s)
		}
		if err := harness.Requirements(ctx, o.Programs.Worker); err != nil {
			return err
		}
		r, err = measure.Run(ctx, o)
		return err
	})
	if err != nil {
		return nil, err
	}
	r.Skipped, r.Quick = skipped, c.quick
	if c.policy {
		r.Policy, err = measure.Policy(ctx, c.count, c.sample, p)
	}
	return r, err
}

// show prints the report of stored results and puts it with its plots into a
// directory.
func show(path, out string) error {
	r, err := results.Read(path)
	if err != nil {
		return err
	}
	text := report.Markdown(r)
	if err := os.WriteFile(filepath.Join(out, report.TableFile), []byte(text), 0o644); err != nil {
		return err
	}
	if err := report.Plots(r, out); err != nil {
		return err
	}
	_, err = fmt.Println(strings.TrimSuffix(text, "\n"))
	return err
}

func isTerminal(f *os.File) bool {
	fi, err := f.Stat()
	return err == nil && fi.Mode()&os.ModeCharDevice != 0
}
