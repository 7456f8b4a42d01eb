package harness

import (
	"context"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// UpstreamPackage is the engine's own runtime, in the version that this module
// is built on.
const UpstreamPackage = "gvisor.dev/gvisor/runsc"

var (
	programsMu    sync.Mutex
	builtPrograms = map[string]string{}
)

// Program builds a package of this module, or of one that it depends on, and
// returns the program's absolute path. It is built once, for the first test
// that asks.
func Program(tb testing.TB, pkg string) string {
	tb.Helper()
	programsMu.Lock()
	defer programsMu.Unlock()
	if path, ok := builtPrograms[pkg]; ok {
		return path
	}
	root, err := moduleRoot()
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(tb.Context(), 2*Deadline)
	defer cancel()
	path := filepath.Join(programs, strings.ReplaceAll(strings.Trim(pkg, "./"), "/", "_"))
	if err := goBuild(ctx, root, pkg, path); err != nil {
		tb.Fatal(err)
	}
	builtPrograms[pkg] = path
	return path
}

// OurBinary is the runsc under test.
func OurBinary(tb testing.TB) string {
	tb.Helper()
	if built.Runsc == "" {
		tb.Fatal("the package's TestMain must call harness.Main")
	}
	return built.Runsc
}

// GuestBinary is the guest program, for running it on the host.
func GuestBinary(tb testing.TB) string {
	tb.Helper()
	if built.Guest == "" {
		tb.Fatal("the package's TestMain must call harness.Main")
	}
	return built.Guest
}
