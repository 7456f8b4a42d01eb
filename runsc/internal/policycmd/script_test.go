package policycmd_test

import (
	"flag"
	"os"
	"testing"

	"github.com/directfs/runsc/runsc/cli"
	"github.com/rogpeppe/go-internal/testscript"
)

// update makes the scripts' golden parts what the command prints now.
var update = flag.Bool("update", false, "update the golden output in testdata/script")

// TestMain makes this program the runtime where a script calls it runsc, so
// that global options and exit statuses are the real ones.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"runsc": cli.Main})
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
