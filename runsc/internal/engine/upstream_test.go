package engine_test

import (
	"bytes"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/enginetest"
	ourgofer "github.com/directfs/runsc/runsc/internal/gofer"
	"gvisor.dev/gvisor/pkg/sentry/fsimpl/gofer"
	"gvisor.dev/gvisor/runsc/cmd"
	"gvisor.dev/gvisor/runsc/cmd/sentry/sentrycmd"
	"gvisor.dev/gvisor/runsc/flag"
)

// A raised sandbox has the capabilities that the engine gives it.
func TestCapabilities(t *testing.T) {
	p := planFor(t, directfspolicy.Standalone, true, want{directfspolicy.DirectFS, directfspolicy.CacheShared}, nil)
	caps := sentrycmd.DirectfsSandboxLinuxCaps
	for name, set := range map[string][]string{"bounding": caps.Bounding, "effective": caps.Effective, "permitted": caps.Permitted} {
		if !reflect.DeepEqual(set, p.Sandbox().Capabilities) {
			t.Errorf("%s: the engine gives %v, the plan says %v", name, set, p.Sandbox().Capabilities)
		}
	}
	if len(caps.Ambient)+len(caps.Inheritable) > 0 {
		t.Errorf("the engine gives ambient or inheritable capabilities: %+v", caps)
	}
}

type command interface{ SetFlags(*flag.FlagSet) }

func flagsOf(c command) map[string]*flag.Flag {
	set := flag.NewFlagSet("x", flag.ContinueOnError)
	c.SetFlags(set)
	all := map[string]*flag.Flag{}
	set.VisitAll(func(f *flag.Flag) { all[f.Name] = f })
	return all
}

// ownGoferFlags are given to our gofer by nobody but itself, when it executes
// itself again.
var ownGoferFlags = []string{"prepared-fd"}

// The engine's client starts our gofer with the engine's own command line.
func TestGoferFlags(t *testing.T) {
	theirs, ours := flagsOf(&cmd.Gofer{}), flagsOf(&ourgofer.Command{})
	for _, name := range slices.Sorted(maps.Keys(theirs)) {
		o, ok := ours[name]
		if !ok {
			t.Errorf("the engine's gofer has --%s, ours does not", name)
		} else if o.DefValue != theirs[name].DefValue {
			t.Errorf("--%s is %q by default, in the engine %q", name, o.DefValue, theirs[name].DefValue)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(ours)) {
		if _, ok := theirs[name]; ok == slices.Contains(ownGoferFlags, name) {
			t.Errorf("our gofer has --%s, the engine's: %t", name, ok)
		}
	}
}

func TestBootFlags(t *testing.T) {
	flags := flagsOf(&sentrycmd.Boot{})
	for _, name := range []string{"mounts-fd", "spec-fd"} {
		if f := flags[name]; f == nil || f.DefValue != "-1" {
			t.Errorf("the engine's boot command no longer has --%s with the default -1: %+v", name, f)
		}
	}
}

// If the engine ever took the option from a spec, a user could set it.
func TestStockOptionsLackDirectFS(t *testing.T) {
	if slices.Contains(enginetest.StockOptions, "directfs") {
		t.Error(`the engine accepts the mount option "directfs" from specs`)
	}
	if got := slices.DeleteFunc(slices.Clone(gofer.SupportedMountOptions), func(o string) bool { return o == "directfs" }); !slices.Equal(got, enginetest.StockOptions) {
		t.Errorf("AcceptMountOptions leaves %v of %v", got, enginetest.StockOptions)
	}
}

// The version of the engine is written in go.mod alone; line numbers in
// comments are that version's. go.sum repeats it with its hashes.
func TestEngineVersionIsInOnePlace(t *testing.T) {
	root := moduleRoot(t)
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`gvisor\.dev/gvisor (v\S+)`).FindAllSubmatch(mod, -1)
	if len(found) != 1 {
		t.Fatalf("go.mod names the engine %d times", len(found))
	}
	version := found[0][1]
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && (name == ".git" || name == "bin" || name == "testdata") {
			return fs.SkipDir
		}
		if d.IsDir() || name == "go.mod" || name == "go.sum" || !d.Type().IsRegular() {
			return nil
		}
		if i, err := d.Info(); err != nil || i.Size() > 1<<20 {
			return err
		}
		text, err := os.ReadFile(path)
		if bytes.Contains(text, version) {
			t.Errorf("%s repeats the engine's version", strings.TrimPrefix(path, root+"/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func moduleRoot(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd() // a test runs in its package's directory
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Dir(filepath.Dir(filepath.Dir(dir)))
}
