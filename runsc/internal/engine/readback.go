package engine

import (
	"fmt"
	"slices"
	"strings"

	"github.com/directfs/runsc/directfspolicy"
	"gvisor.dev/gvisor/pkg/sentry/fsimpl/gofer"
)

// SentryMount is one line of a container's mount table, as the sentry shows it
// in /proc/pid/mounts (pkg/sentry/vfs/mount.go:1608).
type SentryMount struct {
	Destination string

	// Gofer says whether it is the mount of a gofer that is seen. Over one
	// that has an overlay, the overlay is seen, with the options of its upper
	// layer (pkg/sentry/fsimpl/overlay/filesystem.go:2097).
	Gofer bool

	// Access and Cache are of a gofer mount.
	Access directfspolicy.Access
	Cache  directfspolicy.Cache

	// Type and Options are for people.
	Type, Options string
}

// SentryMounts parses a mount table. Destinations are not escaped in it, so
// that the other fields are counted from the end of a line.
func SentryMounts(table string) ([]SentryMount, error) {
	var mounts []SentryMount
	for line := range strings.Lines(table) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), " ")
		if len(f) < 6 {
			return nil, fmt.Errorf("mount table has the line %q", line)
		}
		n := len(f)
		m := SentryMount{Destination: strings.Join(f[1:n-4], " "), Type: f[n-4], Options: f[n-3]}
		if m.Type == gofer.Name {
			m.Gofer = true
			if err := m.decide(strings.Split(m.Options, ",")); err != nil {
				return nil, fmt.Errorf("mount %q: %w", m.Destination, err)
			}
		}
		mounts = append(mounts, m)
	}
	return mounts, nil
}

// decide reads the engine's words for access and cache mode
// (pkg/sentry/fsimpl/gofer/filesystem.go:1959).
func (m *SentryMount) decide(options []string) error {
	if slices.Contains(options, directfsOption) {
		m.Access = directfspolicy.DirectFS
	}
	switch {
	case slices.Contains(options, "cache=remote_revalidating"):
		m.Cache = directfspolicy.CacheShared
	case slices.Contains(options, "cache=fscache"):
		m.Cache = directfspolicy.CacheExclusive
	default:
		return fmt.Errorf("unknown cache mode in options %q", strings.Join(options, ","))
	}
	return nil
}
