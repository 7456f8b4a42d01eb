// Package measure runs workloads under every configuration, interleaved, and
// collects what they take.
package measure

import (
	"fmt"
	"slices"
	"strings"

	"github.com/directfs/runsc/benchmarks/results"
)

// Kind says what runs the workloads.
type Kind int

const (
	// Native is the host itself: the floor.
	Native Kind = iota

	// Runc is the runc that is installed.
	Runc

	// Upstream is gVisor's runsc.
	Upstream

	// Ours is this module's runsc.
	Ours

	// Unisolated is ours, but all mounts are served from one tree, as upstream
	// does. It is built for the benchmarks alone.
	Unisolated
)

// Config is one way of running the workloads.
type Config struct {
	results.Config
	Kind Kind

	// Flags are runsc's global flags.
	Flags []string

	// Options are the mount options of each measured mount.
	Options []string

	// Served are more options, of the measured directory alone: what serves it.
	Served []string

	// OtherOff adds a mount with directfs=off, which makes the sandbox mixed.
	OtherOff bool

	// DirectFS and Exclusive are what the guest must find in /proc/mounts for
	// the measured mount, lest something else be measured than is said.
	DirectFS, Exclusive bool

	// Type is the file system type that the guest must find there. Without one
	// it is a gofer mount in sandboxes, and anything elsewhere.
	Type string

	// OnOverlay is set where the gofer mount must be of a host's overlay.
	OnOverlay bool

	// Quick is set for what make bench-quick measures.
	Quick bool

	// OneCPU is set for what is compared on one CPU as well.
	OneCPU bool
}

// The names of configurations that goals are about.
const (
	UpstreamDirectFS      = "upstream-directfs"
	UpstreamLisaFS        = "upstream-lisafs"
	OursDirectFS          = "ours-directfs"
	OursMixed             = "ours-mixed"
	OursDirectFSExclusive = "ours-directfs-exclusive"
	OursLisaFSExclusive   = "ours-lisafs-exclusive"

	UpstreamDirectFSExclusive = "upstream-directfs-exclusive"

	flagOn                 = "--directfs=true"
	flagOff                = "--directfs=false"
	flagExclusive          = "--file-access-mounts=exclusive"
	optionOn, optionOff    = "directfs=on", "directfs=off"
	optionExclusive        = "cache=exclusive"
	fscache, revalidating  = "cache=fscache", "cache=remote_revalidating"
	directfsOption, p9Type = "directfs", "9p"

	// staleRead is gVisor's option for files on an overlayfs, whose pages are
	// others after a copy-up (runsc/boot/vfs.go).
	staleRead, overlayType = "overlayfs_stale_read", "overlay"
)

// Configs is all of them, in the order of the tables.
var Configs = []Config{
	{Config: about("native", "the host itself, without any container"), Kind: Native, Quick: true},
	{Config: about("runc", "the runc that is installed"), Kind: Runc, Quick: true},
	{Config: about(UpstreamDirectFS, "upstream, `--directfs=true`: its default, so shared cache"),
		Kind: Upstream, Flags: []string{flagOn}, DirectFS: true, Quick: true, OneCPU: true},
	{Config: about(UpstreamLisaFS, "upstream, `--directfs=false`"),
		Kind: Upstream, Flags: []string{flagOff}, Quick: true},
	{Config: about(OursDirectFS, "ours, `--directfs=true`"),
		Kind: Ours, Flags: []string{flagOn}, DirectFS: true, Quick: true},
	{Config: about("ours-lisafs", "ours, `--directfs=false`"),
		Kind: Ours, Flags: []string{flagOff}},
	{Config: about(OursMixed, "ours, `--directfs=true`, another mount `directfs=off`"),
		Kind: Ours, Flags: []string{flagOn}, OtherOff: true, DirectFS: true, Quick: true, OneCPU: true},
	{Config: about("ours-hint", "ours, `--directfs=false`, the measured mount `directfs=on`, all others off"),
		Kind: Ours, Flags: []string{flagOff}, Options: []string{optionOn}, DirectFS: true},
	{Config: about("upstream-again", "as upstream-directfs, once more: a ratio other than 1 is the method's own error"),
		Kind: Upstream, Flags: []string{flagOn}, DirectFS: true, Quick: true, OneCPU: true},
	{Config: about("ours-unisolated", "as ours-directfs, built without the isolation of mounts from each other"),
		Kind: Unisolated, Flags: []string{flagOn}, DirectFS: true},
	{Config: about(UpstreamDirectFSExclusive, "upstream, `--directfs=true --file-access-mounts=exclusive`: every mount"),
		Kind: Upstream, Flags: []string{flagOn, flagExclusive}, DirectFS: true, Exclusive: true, OneCPU: true},
	{Config: about("upstream-lisafs-exclusive", "upstream, `--directfs=false --file-access-mounts=exclusive`: every mount"),
		Kind: Upstream, Flags: []string{flagOff, flagExclusive}, Exclusive: true},
	{Config: about(OursDirectFSExclusive, "ours, mixed, the measured mount `cache=exclusive`"),
		Kind: Ours, Flags: []string{flagOn}, Options: []string{optionExclusive}, OtherOff: true, DirectFS: true, Exclusive: true, Quick: true, OneCPU: true},
	{Config: about(OursLisaFSExclusive, "ours, `--directfs=true`, the measured mount `directfs=off`, `cache=exclusive`"),
		Kind: Ours, Flags: []string{flagOn}, Options: []string{optionOff, optionExclusive}, Exclusive: true, Quick: true},
}

func about(name, text string) results.Config { return results.Config{Name: name, About: text} }

// Select returns the named configurations, in the order of Configs.
func Select(names []string) ([]Config, error) {
	var list []Config
	known := make([]string, 0, len(Configs))
	for _, c := range Configs {
		known = append(known, c.Name)
		if slices.Contains(names, c.Name) {
			list = append(list, c)
		}
	}
	for _, n := range names {
		if !slices.Contains(known, n) {
			return nil, fmt.Errorf("no configuration %q; there are %s", n, strings.Join(known, ", "))
		}
	}
	return list, nil
}

// sandboxed says whether runsc runs the workloads.
func (c Config) sandboxed() bool { return c.Kind >= Upstream }

// check compares the guest's line of /proc/mounts for the measured mount with
// what the configuration says.
func (c Config) check(mount string) error {
	want := c.Type
	if want == "" && c.sandboxed() {
		want = p9Type
	}
	f := strings.Fields(mount)
	if want != "" && (len(f) < 4 || f[2] != want) {
		return fmt.Errorf("the measured directory is %q in the guest, not a mount of type %s", mount, want)
	}
	if !c.sandboxed() {
		return nil
	}
	options := strings.Split(f[3], ",")
	if got := slices.Contains(options, directfsOption); got != c.DirectFS {
		return fmt.Errorf("the measured mount has directfs %t, want %t (%s)", got, c.DirectFS, f[3])
	}
	if c.OnOverlay && !slices.Contains(options, staleRead) {
		return fmt.Errorf("the measured mount is not of a host's overlay: %s is not among its options (%s)", staleRead, f[3])
	}
	want = revalidating
	if c.Exclusive {
		want = fscache
	}
	if !slices.Contains(options, want) {
		return fmt.Errorf("the measured mount has the options %s, want %s: this runtime does not do what %q asks for",
			f[3], want, strings.Join(append(slices.Clone(c.Flags), c.Options...), " "))
	}
	return nil
}
