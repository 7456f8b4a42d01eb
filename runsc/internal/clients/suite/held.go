package suite

import (
	"fmt"
	"os"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
)

// HoldsOnly compares what the sandbox process holds, by /proc, with the
// directories: the first one it has, the second one not.
func HoldsOnly(tb testing.TB, pid int, held, other string) {
	tb.Helper()
	status, err := harness.ReadStatus(pid)
	if err != nil {
		tb.Fatal(err)
	}
	if !status.Effective.Has(harness.DirectFSCaps) {
		tb.Errorf("the sandbox process has %v, and not what directfs needs", status.Effective.Names())
	}
	dirs, err := harness.DirFDs(pid)
	if err != nil {
		tb.Fatal(err)
	}
	for dir, want := range map[string]bool{held: true, other: false} {
		info, err := os.Stat(dir)
		if err != nil {
			tb.Fatal(err)
		}
		got := false
		for _, d := range dirs {
			open, err := os.Stat(fmt.Sprintf("/proc/%d/fd/%d", pid, d.FD))
			got = got || err == nil && os.SameFile(info, open)
		}
		if got != want {
			tb.Errorf("the sandbox process holds %s: %v, want %v", dir, got, want)
		}
	}
}

// HoldsNothing fails the test if the sandbox process has a capability that
// directfs needs, or a directory.
func HoldsNothing(tb testing.TB, pid int) {
	tb.Helper()
	status, err := harness.ReadStatus(pid)
	if err != nil {
		tb.Fatal(err)
	}
	if status.Effective&harness.DirectFSCaps != 0 || status.Uid[1] == 0 {
		tb.Errorf("the sandbox process has %v and user %v", status.Effective.Names(), status.Uid)
	}
	dirs, err := harness.DirFDs(pid)
	if err != nil {
		tb.Fatal(err)
	}
	for _, d := range dirs {
		tb.Errorf("the sandbox process holds %+v", d)
	}
}
