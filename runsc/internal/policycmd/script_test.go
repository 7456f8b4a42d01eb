package policycmd_test

import (
	"context"
	"errors"
	"flag"
	"os"
	"testing"

	"github.com/directfs/runsc/pkg/volume"
	"github.com/directfs/runsc/runsc/cli"
	"github.com/rogpeppe/go-internal/testscript"
)

// update makes the scripts' golden parts what the command prints now.
var update = flag.Bool("update", false, "update the golden output in testdata/script")

// TestMain makes this program the runtime where a script calls it runsc, so
// that global options and exit statuses are the real ones.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"runsc": func() {
		for name, resolve := range backends {
			cli.RegisterVolumes(volume.Backend{Name: name, Resolve: resolve, Syscalls: calls[name]})
		}
		cli.Main()
	}})
}

// backends are those of the scripts and of the documentation's examples.
var backends = map[string]volume.Resolver{
	"blob": func(_ context.Context, r volume.Request) (volume.Source, error) {
		return volume.Source{ReadOnly: r.Volume == "models"}, nil
	},
	"zip": func(context.Context, volume.Request) (volume.Source, error) {
		return volume.Source{DonatesRoot: true}, nil
	},
	"down": func(context.Context, volume.Request) (volume.Source, error) {
		return volume.Source{}, errors.New("dial unix /run/down.sock: connect: connection refused")
	},
}

// calls are what they declare; one of them is in a set already.
var calls = map[string][]string{"blob": {"fstat", "pread64"}}

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
