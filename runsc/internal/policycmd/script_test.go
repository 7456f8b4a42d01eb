package policycmd_test

import (
	"context"
	"errors"
	"flag"
	"log/slog"
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

// serveFar starts a daemon for a script, at the socket far.
func serveFar(env *testscript.Env) error {
	l, err := volume.Listen(env.WorkDir + "/far")
	if err != nil {
		return err
	}
	resolve := func(_ context.Context, r volume.Request) (volume.Source, error) {
		open := func(context.Context, []*os.File) (volume.Volume, error) { return nil, errors.New("not to be opened") }
		return volume.Source{ReadOnly: r.Volume == "models", DonatesRoot: r.Volume == "tree", Open: open}, nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- volume.Serve(ctx, l, resolve, volume.ServeOptions{Logger: slog.New(slog.DiscardHandler)})
	}()
	env.Defer(func() {
		cancel()
		<-ended
	})
	return nil
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: *update,
		Setup: func(env *testscript.Env) error {
			if err := serveFar(env); err != nil {
				return err
			}
			// Scripts share the bundles that several of them look at.
			return os.CopyFS(env.WorkDir+"/bundles", os.DirFS("testdata/bundles"))
		},
		RequireExplicitExec: true,
	})
}
