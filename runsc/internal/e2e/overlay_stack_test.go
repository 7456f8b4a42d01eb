package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// stack are directories of the host for the layers of one overlay. Each lower
// layer has a file that is named after it; the first one also has "file".
type stack struct {
	lowers      []string // from top to bottom
	upper, work string
}

// newStack makes layers that are removed with the lab.
func newStack(t *testing.T, lab *harness.Lab, name string, lowers int) stack {
	t.Helper()
	return stackIn(t, volume(lab, name), lowers)
}

func stackIn(t *testing.T, dir string, lowers int) stack {
	t.Helper()
	s := stack{upper: filepath.Join(dir, "upper"), work: filepath.Join(dir, "work")}
	for i := range lowers {
		s.lowers = append(s.lowers, fmt.Sprintf("%s/lower%d", dir, i))
	}
	for _, d := range append([]string{s.upper, s.work}, s.lowers...) {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for i, l := range s.lowers {
		layText(t, filepath.Join(l, fmt.Sprintf("in-lower%d", i)), fmt.Sprint(i))
	}
	layText(t, filepath.Join(s.lowers[0], "file"), "lower")
	return s
}

func layText(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Error(err)
	}
	return string(b)
}

// options are those of the overlay in config.json.
func (s stack) options(more ...string) []string {
	all := []string{"lowerdir=" + strings.Join(s.lowers, ":")}
	if s.upper != "" {
		all = append(all, "upperdir="+s.upper, "workdir="+s.work)
	}
	return append(all, more...)
}

func (s stack) readOnly() stack { return stack{lowers: s.lowers} }

// at mounts the overlay.
func (s stack) at(destination string, more ...string) harness.Option {
	return harness.RawMount(specs.Mount{Destination: destination, Type: "overlay", Source: "overlay", Options: s.options(more...)})
}

// checkUnlocked expects that nobody holds the lock of the upper and the work
// directory.
func (s stack) checkUnlocked(t *testing.T) {
	t.Helper()
	for _, d := range []string{s.upper, s.work} {
		f, err := os.Open(d)
		if err != nil {
			t.Fatal(err)
		}
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
			t.Errorf("%s is still locked: %v", d, err)
		}
		f.Close()
	}
}

// overlaysWith lists where a directory is a layer of a mounted overlay, in the
// mount tables of all processes. A detached mount is in none.
func overlaysWith(t *testing.T, dir string) (all []string) {
	t.Helper()
	tables, err := filepath.Glob("/proc/[0-9]*/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		b, err := os.ReadFile(table)
		if err != nil {
			continue // the process has ended
		}
		for line := range strings.Lines(string(b)) {
			if _, fs, ok := strings.Cut(line, " - overlay "); ok && strings.Contains(fs, dir) {
				all = append(all, table+": "+strings.TrimSpace(line))
			}
		}
	}
	return all
}
