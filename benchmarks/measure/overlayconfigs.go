package measure

import (
	"fmt"
	"slices"
	"strings"
)

// OverlayConfig is one way of having the same tree in a container, as an overlay
// or as one directory.
type OverlayConfig struct {
	Config
	Union Union

	// Bare is set where a container without the mount is started as well.
	Bare bool
}

// Union says where the overlay comes from.
type Union int

const (
	// Plain is one directory of the host: no overlay.
	Plain Union = iota

	// ByHand is an overlay that is mounted on the host before, and bound.
	ByHand

	// InSpec is a mount of type overlay in config.json.
	InSpec
)

// The names of configurations that goals and tables are about.
const (
	UpstreamBind   = "upstream-bind"
	UpstreamByHand = "upstream-by-hand"
	OursBind       = "ours-bind"
	OursByHand     = "ours-by-hand"
	OursHost       = "ours-host"
	OursSentry     = "ours-sentry"

	optionSentry = "gvisor.overlay=sentry"
)

// OverlayConfigs is all of them, in the order of the tables.
var OverlayConfigs = []OverlayConfig{
	{Config: Config{Config: about("native", "an overlay on the host itself, without any container"), Kind: Native, Type: overlayType, Quick: true}, Union: ByHand},
	{Config: Config{Config: about("runc", "the runc that is installed, a mount of type overlay"), Kind: Runc, Type: overlayType, Quick: true}, Union: InSpec, Bare: true},
	{Config: bound(UpstreamBind, "upstream, one directory without layers, `--directfs=true`", Upstream, true, true), Bare: true},
	{Config: overlaid(UpstreamByHand, "upstream, an overlay that was mounted by hand, `--directfs=true`", Upstream, true, true), Union: ByHand},
	{Config: overlaid("upstream-by-hand-lisafs", "the same, `--directfs=false`", Upstream, false, false), Union: ByHand},
	{Config: bound(OursBind, "ours, one directory without layers, `--directfs=true`", Ours, true, true), Bare: true},
	{Config: overlaid(OursByHand, "ours, an overlay that was mounted by hand, `--directfs=true`", Ours, true, true), Union: ByHand},
	{Config: overlaid("ours-by-hand-lisafs", "the same, `--directfs=false`", Ours, false, false), Union: ByHand},
	{Config: overlaid(OursHost, "ours, a mount of type overlay, the host's driver, `--directfs=true`", Ours, true, true), Union: InSpec},
	{Config: overlaid("ours-host-lisafs", "the same, `--directfs=false`", Ours, false, true), Union: InSpec},
	{Config: inSentry(OursSentry, "ours, a mount of type overlay, the sentry's driver, `--directfs=true`", true), Union: InSpec},
	{Config: inSentry("ours-sentry-lisafs", "as "+OursSentry+", `--directfs=false`", false), Union: InSpec},
	{Config: overlaid("ours-by-hand-again", "as "+OursByHand+", once more: a ratio other than 1 is the method's own error", Ours, true, true), Union: ByHand},
}

// bound is a plain bind mount.
func bound(name, text string, kind Kind, directfs, quick bool) Config {
	return Config{Config: about(name, text), Kind: kind, Flags: []string{map[bool]string{true: flagOn, false: flagOff}[directfs]}, DirectFS: directfs, Quick: quick}
}

// overlaid is a gofer mount of an overlay of the host. The ones with directfs
// are compared on one CPU.
func overlaid(name, text string, kind Kind, directfs, quick bool) Config {
	c := bound(name, text, kind, directfs, quick)
	c.OnOverlay, c.OneCPU = true, directfs
	return c
}

// inSentry is an overlay of the sentry's. Its options are the upper layer's in the
// guest.
func inSentry(name, text string, directfs bool) Config {
	c := bound(name, text, Ours, directfs, directfs)
	c.Options, c.Type = []string{optionSentry}, overlayType
	return c
}

// SelectOverlays returns the named configurations, in the order of
// OverlayConfigs.
func SelectOverlays(names []string) (list []OverlayConfig, err error) {
	for _, n := range names {
		if !slices.Contains(OverlayConfigNames(), n) {
			return nil, fmt.Errorf("no configuration %q; there are %s", n, strings.Join(OverlayConfigNames(), ", "))
		}
	}
	for _, c := range OverlayConfigs {
		if slices.Contains(names, c.Name) {
			list = append(list, c)
		}
	}
	return list, nil
}

// OverlayConfigNames are the names of all.
func OverlayConfigNames() (names []string) {
	for _, c := range OverlayConfigs {
		names = append(names, c.Name)
	}
	return names
}

// Plainly are the configurations as [Build] takes them.
func Plainly(list []OverlayConfig) (plain []Config) {
	for _, c := range list {
		plain = append(plain, c.Config)
	}
	return plain
}
