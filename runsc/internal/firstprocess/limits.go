package firstprocess

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// needed is what the first process needs of limits: it opens files and writes
// its report. The other limits do not concern it, or, as RLIMIT_AS, concern the
// Go runtime before anything could be done here.
var needed = []struct {
	resource int
	least    uint64
}{{unix.RLIMIT_NOFILE, 64}, {unix.RLIMIT_FSIZE, 1 << 16}}

// liftLimits lifts limits that are too low, and returns what puts them back. To
// lift them takes CAP_SYS_RESOURCE.
func liftLimits() (restore func() error, err error) {
	// The Go runtime raised the soft RLIMIT_NOFILE when it started, and keeps
	// the old one to itself. It puts it back when a program is executed, even
	// one that is not there.
	_ = syscall.Exec("", nil, nil)
	saved := make([]unix.Rlimit, len(needed))
	for i, n := range needed {
		if err := unix.Getrlimit(n.resource, &saved[i]); err != nil {
			return nil, fmt.Errorf("limit %d: %w", n.resource, err)
		}
		if saved[i].Cur >= n.least {
			continue
		}
		lifted := unix.Rlimit{Cur: n.least, Max: max(saved[i].Max, n.least)}
		if err := unix.Setrlimit(n.resource, &lifted); err != nil {
			return nil, fmt.Errorf("lift limit %d: %w", n.resource, err)
		}
	}
	return func() error {
		for i, n := range needed {
			if err := unix.Setrlimit(n.resource, &saved[i]); err != nil {
				return fmt.Errorf("limit %d: %w", n.resource, err)
			}
		}
		return nil
	}, nil
}
