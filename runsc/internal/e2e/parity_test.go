package e2e

import (
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
)

// ourCommands are those that the engine does not have.
var ourCommands = []string{"completion", "node", "policy", "webhook"}

// ours are the flags that we add to the engine's, by command.
var ours = map[string][]string{
	"do":        {"rootfs-directfs", "volume-directfs"},
	"install":   {"client", "discard-edits", "dry-run"},
	"uninstall": {"client", "discard-edits", "dry-run"},
	// For its own second run alone.
	"gofer": {"prepared-fd"},
}

// TestParity expects the engine's commands and flags, all of them and, but for
// ours, no others, with the same help.
func TestParity(t *testing.T) {
	lab := newLab(t)
	upstream := *lab.Runtime
	upstream.Binary = harness.Program(t, harness.UpstreamPackage)
	want := slices.Sorted(slices.Values(append(commandNames(t, &upstream), ourCommands...)))
	if got := commandNames(t, lab.Runtime); !slices.Equal(got, want) {
		t.Errorf("commands are %q, want %q", got, want)
	}
	for _, topic := range []string{"flags", "help platforms", "help syscalls"} {
		args := strings.Fields(topic)
		checkSameLines(t, topic, ourFlags.ReplaceAllString(help(t, lab.Runtime, args...), ""), help(t, &upstream, args...))
	}
	for _, name := range commandNames(t, &upstream) {
		got, want := help(t, lab.Runtime, "help", name), help(t, &upstream, "help", name)
		if _, ok := ours[name]; !ok {
			checkSameLines(t, "help "+name, got, want)
			continue
		}
		theirs := flagNames(want)
		for _, f := range ours[name] {
			theirs[f] = true
		}
		if got := flagNames(got); !maps.Equal(got, theirs) {
			t.Errorf("flags of %s are %v, want %v", name, got, theirs)
		}
	}
}

// ourFlags is the help of the top-level flags that upstream does not have.
var ourFlags = regexp.MustCompile(`(?m)^  -(?:directfs-hints|overlay-driver|volume-daemon) value\n.*\n`)

// checkSameLines does not look at the order of lines, which the engine leaves
// to chance in places.
func checkSameLines(t *testing.T, what, got, want string) {
	t.Helper()
	lines, theirs := strings.Split(got, "\n"), strings.Split(want, "\n")
	slices.Sort(lines)
	slices.Sort(theirs)
	if len(lines) != len(theirs) {
		t.Errorf("%s: %d lines, upstream's has %d", what, len(lines), len(theirs))
	}
	for i := range min(len(lines), len(theirs)) {
		if lines[i] != theirs[i] {
			t.Errorf("%s: first difference: %q, upstream's: %q", what, lines[i], theirs[i])
			return
		}
	}
}

// help runs a command whose output is for people, and takes the program's name
// out of it.
func help(t *testing.T, r *harness.Runtime, args ...string) string {
	t.Helper()
	res, err := r.Command(harness.Context(t), args...)
	if err != nil || res.ExitCode != 0 {
		t.Fatalf("%q: %+v, %v", args, res, err)
	}
	return strings.ReplaceAll(res.Stdout+res.Stderr, filepath.Base(r.Binary), "runsc")
}

var commandLine = regexp.MustCompile(`(?m)^\t([a-z-]+) `)

func commandNames(t *testing.T, r *harness.Runtime) []string {
	t.Helper()
	var names []string
	for _, m := range commandLine.FindAllStringSubmatch(help(t, r, "help"), -1) {
		names = append(names, m[1])
	}
	if len(names) < 40 {
		t.Fatalf("too few commands: %q", names)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

var flagLine = regexp.MustCompile(`(?m)^  -([a-z0-9-]+)`)

func flagNames(help string) map[string]bool {
	names := map[string]bool{}
	for _, m := range flagLine.FindAllStringSubmatch(help, -1) {
		names[m[1]] = true
	}
	return names
}

// The first line has the form that clients parse, the last one names the
// engine that this module requires.
func TestVersion(t *testing.T) {
	lab := newLab(t)
	for _, arg := range []string{"--version", "-version", "--version=true"} {
		out := command(t, lab.Runtime, arg)
		if !regexp.MustCompile(`\Arunsc version \S+\nspec: \d+\.\d+\.\d+\nengine: gvisor\.dev/gvisor v0\.0\.0-\d{14}-[0-9a-f]{12}\n\z`).MatchString(out) {
			t.Errorf("%s printed %q", arg, out)
		}
	}
	if out := command(t, lab.Runtime, "--version=false", "list", "--quiet"); strings.Contains(out, "engine") {
		t.Errorf("--version=false printed %q", out)
	}
}
