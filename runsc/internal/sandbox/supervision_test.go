package sandbox

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"gvisor.dev/gvisor/runsc/config"
)

// A command that decides late makes mounts that nobody has counted.
func TestSupervisionOfLateDecision(t *testing.T) {
	c := &creation{conf: &config.Config{}, spec: &specs.Spec{}}
	if n := c.supervision().Mounts; n != 0 {
		t.Errorf("no mount: %d", n)
	}
	c.decide = func(int) error { return nil }
	if n := c.supervision().Mounts; n < 100 {
		t.Errorf("decided late: room for %d mounts", n)
	}
}

// The engine donates a file for each sink of a trace session.
func TestSupervisionWithSinks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "init.json")
	session := `{"trace_session": {"name": "Default", "sinks": [` + strings.Repeat(`{"name": "remote"}, `, 29) + `{"name": "remote"}]}}`
	for content, want := range map[string]int{session: 30, "{}": 0, "no JSON": 0} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := supervision(&config.Config{PodInitConfig: path}, &specs.Spec{}, directfspolicy.Plan{}).Files; got != want {
			t.Errorf("%.30s: %d files, want %d", content, got, want)
		}
	}
}

// The engine donates files for mounts that no gofer serves.
func TestSupervisionWithImages(t *testing.T) {
	spec := &specs.Spec{Root: &specs.Root{Path: "/"}, Mounts: []specs.Mount{
		{Destination: "/a", Type: "erofs", Source: "/image"},
		{Destination: "/b", Type: "bind", Source: "/dir"},
		{Destination: "/c", Type: "tmpfs", Source: "tmpfs"},
	}}
	if got := supervision(&config.Config{}, spec, directfspolicy.Plan{}).Mounts; got != 3 {
		t.Errorf("%d mounts with files", got)
	}
}
