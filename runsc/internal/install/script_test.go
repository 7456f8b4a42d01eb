package install_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/directfs/runsc/runsc/cli"
	"github.com/directfs/runsc/runsc/internal/install"
	"github.com/rogpeppe/go-internal/testscript"
	"gvisor.dev/gvisor/runsc/cmd"
)

// update makes the scripts' golden parts, and the documentation's examples, what
// the commands print now.
var update = flag.Bool("update", false, "update the golden output in testdata/script and docs/install.md")

// TestMain makes this program the runtime where a script calls it runsc.
func TestMain(m *testing.M) {
	testscript.Main(tidy{m}, map[string]func(){"runsc": cli.Main})
}

// tidy removes the tools behind the tests.
type tidy struct{ *testing.M }

func (t tidy) Run() int {
	defer func() { os.RemoveAll(toolsDir) }()
	return t.M.Run()
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			tools := clientTools(t)
			env.Setenv("SHIMS", tools)
			// A containerd that is new enough comes first.
			env.Setenv("PATH", tools+"/containerd2:"+env.Getenv("PATH"))
			env.Setenv("CONTAINERS_CONF", "")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"mask": maskCommand},
	})
}

var sums = regexp.MustCompile(`sum [0-9a-f]{16}`)

// mask makes output the same everywhere.
func mask(text, work string) string {
	text = regexp.MustCompile(`[^\s"'\[]*/runsc(["',\s\]]|$)`).ReplaceAllStringFunc(text, func(s string) string {
		if strings.HasPrefix(s, os.TempDir()) || strings.Contains(s, "/bin/runsc") {
			return "/usr/local/bin/runsc" + strings.TrimPrefix(s[strings.LastIndex(s, "/runsc"):], "/runsc")
		}
		return s
	})
	text = strings.ReplaceAll(text, work, "")
	return sums.ReplaceAllString(text, "sum 0123456789abcdef")
}

// maskCommand is "mask FROM TO": TO is FROM, the same on every machine.
func maskCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: mask FROM TO")
	}
	text := mask(ts.ReadFile(args[0]), ts.Getenv("WORK"))
	text = strings.ReplaceAll(text, ts.Getenv("SHIMS"), "/shims")
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text), 0o644))
}

// clientTools makes a directory with programs for tests: shims by whose they
// are, and clients that only say their version.
func clientTools(t *testing.T) string {
	t.Helper()
	if err := toolsMade(); err != nil {
		t.Fatal(err)
	}
	return toolsDir
}

var (
	toolsDir  string
	toolsMade = sync.OnceValue(func() (err error) {
		if toolsDir, err = os.MkdirTemp("", "install-tools"); err != nil {
			return err
		}
		return makeTools(toolsDir)
	})
)

func makeTools(dir string) error {
	const shim = "containerd-shim-runsc-v1"
	for name, module := range map[string][2]string{
		"ours":   {"github.com/directfs/runsc/runsc/shim", "."},
		"engine": {"gvisor.dev/gvisor", "shim"},
		"other":  {"example.com/other", "."},
	} {
		src := filepath.Join(dir, "src", name)
		if err := os.MkdirAll(filepath.Join(src, module[1]), 0o755); err != nil {
			return err
		}
		for file, text := range map[string]string{
			"go.mod":                            "module " + module[0] + "\n\ngo 1.26\n",
			filepath.Join(module[1], "main.go"): "package main\n\nfunc main() {}\n",
		} {
			if err := os.WriteFile(filepath.Join(src, file), []byte(text), 0o644); err != nil {
				return err
			}
		}
		cmd := exec.Command("go", "build", "-o", filepath.Join(dir, name, shim), "./"+module[1])
		cmd.Dir = src
		cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-buildvcs=false")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%v: %w\n%s", cmd, err, out)
		}
	}
	for name, version := range map[string]string{
		"containerd1": "containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1+deb12u3",
		"containerd2": "containerd github.com/containerd/containerd/v2 v2.4.2 4ac6c20c7bbf8177f29e46bbdc658fec02ffb8ad",
	} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name, "containerd"), []byte("#!/bin/sh\necho '"+version+"'\n"), 0o755); err != nil {
			return err
		}
	}
	return os.MkdirAll(filepath.Join(dir, "none"), 0o755)
}

// Every flag of the engine's commands has a place here: a new one would be
// accepted and do nothing.
func TestFlagsOfTheEngine(t *testing.T) {
	ours := "client dry-run discard-edits"
	for _, c := range []struct {
		engine, ours interface{ SetFlags(*flag.FlagSet) }
		known        string
	}{
		{new(cmd.Install), install.Install(), "config_file runtime experimental clobber cgroupdriver download-sidecars require-sidecars sidecar-url"},
		{new(cmd.Uninstall), install.Uninstall(), "config_file runtime"},
	} {
		theirs := names(c.engine.SetFlags)
		if !slices.Equal(theirs, sorted(c.known)) {
			t.Errorf("the engine has the flags %v; look at what those do that are not in %q", theirs, c.known)
		}
		if got := names(c.ours.SetFlags); !slices.Equal(got, sorted(c.known+" "+ours)) {
			t.Errorf("flags %v", got)
		}
	}
}

func names(setFlags func(*flag.FlagSet)) []string {
	f := flag.NewFlagSet("", flag.ContinueOnError)
	setFlags(f)
	var all []string
	f.VisitAll(func(fl *flag.Flag) { all = append(all, fl.Name) })
	return all
}

func sorted(words string) []string { return slices.Sorted(slices.Values(strings.Fields(words))) }
