// Package docker tests the runtime with docker.
package docker

import (
	"os"
	"testing"

	"github.com/directfs/runsc/runsc/internal/clients/lab"
	"github.com/directfs/runsc/runsc/internal/clients/suite"
)

func TestMain(m *testing.M) {
	os.Exit(lab.Main(m, "dockerd", "podman", "containerd", "containerd-shim-runc-v2", "runc", "script"))
}

func TestDocker(t *testing.T) {
	d := start(t, "")
	suite.All(t, func(tb testing.TB) *suite.Engine { return d.engine(tb, "runsc") })
}
