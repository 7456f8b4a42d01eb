package sandbox

import (
	"fmt"
	"path/filepath"

	"github.com/directfs/runsc/pkg/ociconfig"
	"github.com/directfs/runsc/runsc/internal/engine"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"gvisor.dev/gvisor/runsc/cmd/util"
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/flag"
)

// inBundle is a command with --bundle. It makes that path absolute before
// anything is read: a relative one reaches the gofer, which fails where it
// compares paths of the spec with those of the kernel
// (runsc/cmd/sandboxsetup/gofer_mount.go:338). It also is the last to see the
// flags of the command line before annotations change them.
type inBundle struct{ util.SubCommand }

// FetchSpec implements util.SubCommand.FetchSpec.
func (c inBundle) FetchSpec(conf *config.Config, f *flag.FlagSet) (string, *specs.Spec, error) {
	if bundle := f.Lookup("bundle").Value.String(); bundle != "" && !filepath.IsAbs(bundle) {
		absolute, err := filepath.Abs(bundle)
		if err != nil {
			return "", nil, fmt.Errorf("--bundle=%s: %w", bundle, err)
		}
		if err := f.Set("bundle", absolute); err != nil {
			return "", nil, fmt.Errorf("--bundle=%s: %w", bundle, err)
		}
	}
	id, spec, err := c.SubCommand.FetchSpec(conf, f)
	if err == nil && spec != nil {
		ociconfig.FromShim(spec)
		err = engine.Hints.CheckConfigBundles(conf, spec)
	}
	if err == nil && spec != nil {
		err = engine.NameOverlays(spec, f.Lookup("bundle").Value.String())
	}
	return id, spec, err
}
