// Package podman tests the runtime with podman.
package podman

import (
	"os"
	"testing"

	"github.com/directfs/runsc/runsc/internal/clients/lab"
	"github.com/directfs/runsc/runsc/internal/clients/suite"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m, "podman", "conmon", "crun", "script")) }

// engine is podman with flags for the runtime, and the image.
func engine(tb testing.TB, flags ...string) *suite.Engine {
	tb.Helper()
	l := lab.New(tb)
	command := []string{"podman", "--runtime", l.Runsc}
	for _, f := range flags {
		command = append(command, "--runtime-flag", f)
	}
	e := &suite.Engine{
		Lab: l, Client: command, StateRoot: "/run/runsc", Keeper: "conmon",
		Remove: []string{"rm", "-f", "-t", "0"}, NoSuchCommand: 126, Annotations: true, Forgets: true,
		// It is there while a container is mounted, and longer.
		Own: []string{"^mount tmpfs on /var/lib/containers/storage/overlay$"},
	}
	e.Do(tb, "load", "-q", "-i", l.Image(tb, l.Rootfs(tb, "rootfs")))
	// Now all is there that podman and the runtime make once.
	if r := e.Run("true"); r.Code != 0 {
		tb.Fatalf("%+v", r)
	}
	return e
}

func TestPodman(t *testing.T) {
	suite.All(t, func(tb testing.TB) *suite.Engine { return engine(tb) })
}
