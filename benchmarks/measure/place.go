package measure

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/directfs/runsc/benchmarks/workload"
	"github.com/directfs/runsc/runsc/harness"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// dataDir is where containers have the measured directory.
const dataDir = "/data"

// place is where one configuration runs: its runtime and its bundles.
type place struct {
	Config
	dir, data string
	programs  Programs
	tools     workload.Tools
	runtime   *harness.Runtime // for runsc
	started   int

	// union are the layers of the measured overlay, if it is one.
	union *layers

	// served is the bundle with the measured directory. The host has none.
	served *harness.Bundle
}

// newPlace makes the directory of a configuration. Its path is short: runsc
// puts sockets below it (unix(7): 108 bytes).
func newPlace(c Config, number int, work, data string, p Programs, t workload.Tools) (*place, error) {
	l := &place{Config: c, dir: filepath.Join(work, "c"+strconv.Itoa(number)), data: data, programs: p, tools: t}
	if err := os.Mkdir(l.dir, 0o755); err != nil {
		return nil, err
	}
	binary := map[Kind]string{Upstream: p.Upstream, Ours: p.Ours, Unisolated: p.Unisolated}[c.Kind]
	if binary == "" {
		return l, nil
	}
	flags := append([]string{"--platform=systrap", "--ignore-cgroups"}, c.Flags...)
	var err error
	l.runtime, err = harness.NewRuntime(binary, l.dir, flags...)
	return l, err
}

// bundle builds a bundle that runs the worker. Without mounts there is only the
// rootfs, and what makes the sandbox mixed.
func (l *place) bundle(name, command string, mounts ...harness.Option) (*harness.Bundle, error) {
	options := mounts
	if l.OtherOff {
		options = append(options, l.mount("/other", filepath.Join(l.dir, "other"), optionOff))
	}
	options = append(options, harness.Args(command))
	dir := filepath.Join(l.dir, name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	return harness.NewBundle(dir, l.programs.Worker, options...)
}

// mount binds a host directory, with options that only our runsc knows.
func (l *place) mount(destination, source string, options ...string) harness.Option {
	return harness.MountFrom(source, destination, append([]string{"rbind"}, options...)...)
}

// measured mounts the measured directory: an overlay unless union is nil.
func (l *place) measured(data string, union *layers) harness.Option {
	if union != nil && !union.byHand {
		return union.inSpec(dataDir, l.Options)
	}
	return l.mount(dataDir, data, slices.Concat([]string{"rw"}, l.Options, l.Served)...)
}

// serving builds the bundle with the measured directory and the tools.
func (l *place) serving() (*harness.Bundle, error) {
	options := []harness.Option{
		l.measured(l.data, l.union),
		harness.Edit(func(s *specs.Spec) { s.Process.Cwd = dataDir }),
	}
	dirs, links, err := toolDirs(l.tools)
	if err != nil {
		return nil, err
	}
	for _, d := range dirs {
		options = append(options, l.mount(d, d, append([]string{"ro"}, l.Options...)...))
	}
	b, err := l.bundle("serve", "serve", options...)
	if err != nil {
		return nil, err
	}
	for name, target := range links {
		if err := os.Symlink(target, filepath.Join(b.Rootfs(), name)); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// starting builds a bundle with a number of mounts for measuring the start.
func (l *place) starting(mounts int) (*harness.Bundle, error) {
	var options []harness.Option
	for i := range mounts {
		n := strconv.Itoa(i)
		options = append(options, l.mount("/m"+n, filepath.Join(l.dir, "m", n), append([]string{"rw"}, l.Options...)...))
	}
	return l.bundle("start"+strconv.Itoa(mounts), "true", options...)
}

// command runs the worker: a container from the bundle or, natively, the
// program itself.
func (l *place) command(ctx context.Context, b *harness.Bundle, arg string) *exec.Cmd {
	l.started++
	id := fmt.Sprintf("%s-%d", filepath.Base(filepath.Dir(l.dir))+filepath.Base(l.dir), l.started)
	switch l.Kind {
	case Native:
		cmd := foreground(ctx, l.programs.Worker, arg)
		cmd.Dir = l.data
		return cmd
	case Runc:
		return foreground(ctx, l.programs.Runc, "--root="+filepath.Join(l.dir, "root"), "run", "--bundle="+b.Dir, id)
	}
	args := append([]string{"--root=" + l.runtime.Root}, l.runtime.Flags...)
	return foreground(ctx, l.runtime.Binary, append(args, "run", "--bundle="+b.Dir, id)...)
}

// close removes the containers that are left, of an interrupted run.
func (l *place) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	switch {
	case l.runtime != nil:
		return l.runtime.Close(ctx)
	case l.Kind == Runc:
		return l.closeRunc(ctx)
	}
	return nil
}

func (l *place) closeRunc(ctx context.Context) error {
	root := filepath.Join(l.dir, "root")
	left, err := os.ReadDir(root)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	errs := []error{err}
	for _, c := range left {
		out, err := exec.CommandContext(ctx, l.programs.Runc, "--root="+root, "delete", "--force", c.Name()).CombinedOutput()
		if err != nil {
			errs = append(errs, fmt.Errorf("runc delete: %w: %s", err, strings.TrimSpace(string(out))))
		}
	}
	return errors.Join(errs...)
}
