package podman

import (
	"path/filepath"
	"testing"

	"github.com/directfs/runsc/runsc/internal/clients/guide"
	"github.com/directfs/runsc/runsc/internal/clients/lab"
)

func TestGuide(t *testing.T) {
	l := lab.New(t)
	guide.Run(t, filepath.Join(l.Module, "docs/clients/podman.md"), guide.Options{Dir: l.Module, Env: l.Env()})
}
