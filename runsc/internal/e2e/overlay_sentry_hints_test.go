package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/directfs/runsc/pkg/overlaymount/inspect"
	"github.com/directfs/runsc/runsc/harness"
	"golang.org/x/sys/unix"
)

// held says which layers of a stack a process has open directories of, by
// name, and whether the directories of these can be written to by their mount.
func (s stack) held(t *testing.T, pid int) map[string]bool {
	t.Helper()
	dirs, err := harness.DirFDs(pid)
	if err != nil {
		t.Fatal(err)
	}
	writable := map[string]bool{}
	for _, l := range s.layers() {
		var st unix.Stat_t
		if err := unix.Stat(l, &st); err != nil {
			t.Fatal(err)
		}
		for _, d := range dirs {
			if uint64(st.Dev) != d.Dev || st.Ino != d.Ino {
				continue
			}
			name := filepath.Base(l)
			writable[name] = writable[name] || statfsOf(t, pid, d.FD).Flags&unix.ST_RDONLY == 0
		}
	}
	return writable
}

// checkHeldLayers expects the sandbox to hold these layers, and to be able to
// write to an upper one only, by the mount that it is reached by.
func (s stack) checkHeldLayers(t *testing.T, c *harness.Container, want ...string) {
	t.Helper()
	got := s.held(t, c.SandboxPID)
	var names []string
	for name, writable := range got {
		names = append(names, name)
		if writable != (name == "upper") {
			t.Errorf("%s of %s in the sandbox: writable is %v", name, c.ID, writable)
		}
	}
	slices.Sort(names)
	slices.Sort(want)
	if !slices.Equal(names, want) {
		t.Errorf("the sandbox holds %q of %s, want %q", names, c.ID, want)
	}
	for name, writable := range s.held(t, c.GoferPID) {
		if writable && name != "upper" && name != "work" {
			t.Errorf("the gofer can write to %s", name)
		}
	}
}

// names are those of the layers that a sandbox with directfs holds.
func (s stack) names() (all []string) {
	for _, l := range s.lowers {
		all = append(all, filepath.Base(l))
	}
	if s.upper != "" {
		all = append(all, "upper")
	}
	return all
}

// Each layer has the access that hints by its source ask for.
func TestOverlaySentryHintsBySource(t *testing.T) {
	for name, test := range map[string]struct {
		hints map[string]string // by layer
		held  []string
		caps  harness.Caps // of the sandbox, for files
	}{
		"upper off":      {map[string]string{"upper": "off"}, []string{"lower0", "lower1"}, harness.DirectFSCaps},
		"lower off":      {map[string]string{"lower1": "off"}, []string{"lower0", "upper"}, harness.DirectFSCaps},
		"lowers off":     {map[string]string{"lower0": "off", "lower1": "off"}, []string{"upper"}, harness.DirectFSCaps},
		"all but one on": {map[string]string{"lower0": "on", "lower1": "off", "upper": "off"}, []string{"lower0"}, harness.DirectFSCaps},
		"all off":        {map[string]string{"lower0": "off", "lower1": "off", "upper": "off"}, nil, harness.DirectFSCaps},
		"a lower alone":  {map[string]string{"rootfs": "off", "lower1": "off", "upper": "off"}, []string{"lower0"}, 1 << unix.CAP_DAC_READ_SEARCH},
		"nothing":        {map[string]string{"rootfs": "off", "lower0": "off", "lower1": "off", "upper": "off"}, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			lab := newLab(t, flag(true))
			s := newStack(t, lab, "s", 2)
			opts := []harness.Option{s.at("/ov", bySentry), harness.Args("serve", "/ov")}
			for layer, value := range test.hints {
				if layer == "rootfs" {
					opts = append(opts, harness.RootfsHint(value))
				} else {
					opts = append(opts, podHint(layer, filepath.Join(filepath.Dir(s.upper), layer), value))
				}
			}
			c := lab.Serve(t, lab.Bundle(t, opts...))
			checkOpsInside(t, readReport(t, c))
			s.checkHeldLayers(t, c, test.held...)
			if st, err := harness.ReadStatus(c.SandboxPID); err != nil || st.Effective&harness.DirectFSCaps != test.caps || st.Bounding&harness.DirectFSCaps != test.caps {
				t.Errorf("the sandbox has %v of %v, %v, want %v", st.Effective, st.Bounding, err, test.caps)
			}
			checkFilters(t, c)
			command(t, lab.Runtime, "policy", "verify", c.ID)
			stop(t, lab, c)
			if _, err := os.Stat(filepath.Join(s.upper, "kept")); err != nil {
				t.Error(err)
			}
		})
	}
}

// The sentry's overlay has no use for a work directory, so that nobody else is kept from
// it. The upper layer is locked.
func TestOverlaySentryWorkIsFree(t *testing.T) {
	lab := newLab(t)
	s := newStack(t, lab, "s", 1)
	c := lab.Serve(t, lab.Bundle(t, s.at("/ov", bySentry), harness.Args("serve", "/ov")))
	checkOpsInside(t, readReport(t, c))
	locked, err := inspect.HeldLocks(c.GoferPID)
	if err != nil || len(locked) != 1 {
		t.Errorf("the gofer has the locks %v, %v", locked, err)
	}
	stack{upper: s.work, work: s.work}.checkUnlocked(t)
	if got := listing(t, s.work); got != "[]" {
		t.Errorf("in the work directory: %s", got)
	}
	stop(t, lab, c)
}
