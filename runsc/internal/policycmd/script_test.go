package policycmd_test

import (
	"errors"
	"flag"
	"os"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
	"github.com/directfs/runsc/runsc/cli"
	"github.com/directfs/runsc/runsc/internal/engine"
	"github.com/rogpeppe/go-internal/testscript"
	"gvisor.dev/gvisor/runsc/config"
)

// update makes the scripts' golden parts what the command prints now.
var update = flag.Bool("update", false, "update the golden output in testdata/script")

// TestMain makes this program the runtime where a script calls it runsc, so
// that global options and exit statuses are the real ones.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"runsc": func() {
		engine.Gofers = func(*config.Config) map[string]ociconfig.GoferFunc { return backends }
		cli.Main()
	}})
}

// backends are those of the scripts and of the documentation's examples.
var backends = map[string]ociconfig.GoferFunc{
	"blob": func(q ociconfig.GoferQuery) (directfspolicy.Gofer, error) {
		return directfspolicy.Gofer{ReadOnly: q.Name.Volume == "models"}, nil
	},
	"zip": func(ociconfig.GoferQuery) (directfspolicy.Gofer, error) {
		return directfspolicy.Gofer{DonatesRoot: true}, nil
	},
	"down": func(ociconfig.GoferQuery) (directfspolicy.Gofer, error) {
		return directfspolicy.Gofer{}, errors.New("dial unix /run/down.sock: connect: connection refused")
	},
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: *update,
		Setup: func(env *testscript.Env) error {
			// Scripts share the bundles that several of them look at.
			return os.CopyFS(env.WorkDir+"/bundles", os.DirFS("testdata/bundles"))
		},
		RequireExplicitExec: true,
	})
}
