package sandbox

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
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

// do is the "do" command, with hints for the volumes that it mounts.
type do struct {
	cmd.Do
	rootfs  string
	volumes volumeHints
}

// doPrefix starts the name of the directory that the engine's command makes for
// its container (runsc/cmd/do.go:501).
const doPrefix = "runsc-do"

// isDrawnID reports whether an id is like those that the engine's commands draw
// for their containers (runsc/cmd/do.go:186, runsc/cmd/sandboxexec.go:114).
func isDrawnID(id string) bool {
	digits, ok := strings.CutPrefix(id, "runsc-")
	return ok && len(digits) == 6 && strings.Trim(digits, "0123456789") == ""
}

// Do returns the "do" command.
func Do() util.SubCommand { return &do{volumes: volumeHints{}} }

// SetFlags implements subcommands.Command.SetFlags.
func (d *do) SetFlags(f *flag.FlagSet) {
	d.Do.SetFlags(f)
	f.StringVar(&d.rootfs, "rootfs-directfs", "default", "directfs for the root directory: on, off or default")
	f.Var(&d.volumes, "volume-directfs", "directfs for a volume, as DST=on, DST=off or DST=default. This option can be used multiple times.")
}

// volumeHints maps destinations of volumes to values of hints.
type volumeHints map[string]string

// String implements flag.Value.
func (v *volumeHints) String() string {
	var s []string
	for dst, value := range *v {
		s = append(s, dst+"="+value)
	}
	slices.Sort(s)
	return strings.Join(s, ",")
}

// Get implements flag.Getter.
func (v *volumeHints) Get() any { return v }

// Set implements flag.Value. Set(String()) is idempotent.
func (v *volumeHints) Set(s string) error {
	for _, one := range strings.Split(s, ",") {
		dst, value, ok := strings.Cut(one, "=")
		if !ok || dst == "" {
			return fmt.Errorf("want DST=VALUE, got %q", one)
		}
		dst = path.Clean(dst)
		if old, ok := (*v)[dst]; ok && old != value {
			return fmt.Errorf("%q is given both %q and %q", dst, old, value)
		}
		(*v)[dst] = value
	}
	return nil
}

// Execute implements subcommands.Command.Execute.
func (d *do) Execute(ctx context.Context, f *flag.FlagSet, args ...any) subcommands.ExitStatus {
	conf := args[0].(*config.Config)
	if len(f.Args()) == 0 {
		f.Usage()
		return subcommands.ExitUsageError
	}
	if conf.Rootless {
		if err := specutils.MaybeRunAsRoot(); err != nil {
			return util.Errorf("do: %v", err)
		}
	}
	statedir.SweepClaimed(os.TempDir(), doPrefix, isDrawnID)
	c, err := d.prepare(conf, f)
	if err != nil {
		return util.Errorf("do: %v", err)
	}
	return c.run("do", func() subcommands.ExitStatus { return d.Do.Execute(ctx, f, args...) })
}

// prepare decides. The engine's command makes a root directory of its own for
// the container, where nobody else looks.
func (d *do) prepare(conf *config.Config, f *flag.FlagSet) (*creation, error) {
	id, spec, err := d.Do.FetchSpec(conf, f)
	if err != nil {
		return nil, err
	}
	if err := d.addHints(spec); err != nil {
		return nil, err
	}
	// The engine's command goes on to add mounts and to change the network,
	// so the decision is made on a spec and a configuration that have both.
	final, finalConf := *spec, *conf
	hostNetwork, ownMounts := doNetwork(conf)
	if hostNetwork {
		finalConf.Network = config.NetworkHost
	}
	if ownMounts {
		for _, dst := range []string{"/etc/resolv.conf", "/etc/hostname", "/etc/hosts"} {
			final.Mounts = append(slices.Clip(final.Mounts), specs.Mount{Type: "bind", Source: dst, Destination: dst, Options: []string{"ro"}})
		}
	}
	plan, unlock, err := decide(&finalConf, fullID(&final, id), &final)
	if err != nil {
		return nil, err
	}
	unlock()
	if err := engine.HandToGofer(plan); err != nil {
		return nil, err
	}
	engine.ConfigureCreate(&finalConf, plan)
	conf.DirectFS = finalConf.DirectFS
	// The hints are of the command line, and nobody wrote them into a bundle.
	engine.HideHints(spec)
	missing := statedir.MissingDirs(engine.Cgroups(&finalConf, id, spec)) // the gofer says hello when they are there
	return &creation{conf: conf, final: &finalConf, id: fullID(spec, id), spec: spec, plan: plan, cgroups: missing, late: true, own: true, show: func() {}}, nil
}

// addHints writes the hints of the command line into the spec, where the
// policy reads them.
func (d *do) addHints(spec *specs.Spec) error {
	ociconfig.SetRootfsHint(spec, d.rootfs)
	for dst, value := range d.volumes {
		i := slices.IndexFunc(spec.Mounts, func(m specs.Mount) bool { return path.Clean(m.Destination) == dst })
		if i < 0 {
			return &directfspolicy.HintError{Key: "--volume-directfs", Value: dst + "=" + value, Mount: dst, Fix: "add --volume SRC:" + dst, Err: directfspolicy.ErrNoMount}
		}
		ociconfig.SetMountHint(&spec.Mounts[i], value)
	}
	return nil
}

// doNetwork says what the engine's command makes of --network
// (runsc/cmd/do.go:246): whether it ends up on the host's network, and whether
// it mounts files for a network of its own.
func doNetwork(conf *config.Config) (host, ownMounts bool) {
	switch {
	case conf.Network == config.NetworkNone:
		return false, false
	case conf.Rootless:
		return conf.Network == config.NetworkSandbox || conf.Network == config.NetworkHost, false
	case !hasDefaultRoute():
		return true, false
	}
	return conf.Network == config.NetworkHost, true
}

// hasDefaultRoute reads the kernel's IPv4 routing table (proc(5),
// /proc/net/route): a destination and a mask of zero are the default route.
func hasDefaultRoute() bool {
	file, err := os.Open("/proc/net/route")
	if err != nil {
		return false
	}
	defer file.Close()
	for s := bufio.NewScanner(file); s.Scan(); {
		if f := strings.Fields(s.Text()); len(f) > 7 && f[1] == "00000000" && f[7] == "00000000" {
			return true
		}
	}
	return false
}
