// Package docs_test keeps the documentation equal to the code.
//
// Blocks between "<!-- generated: NAME -->" and "<!-- end -->" are written by
//
//	go test ./docs -update
package docs_test

import (
	"flag"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

var update = flag.Bool("update", false, "write the generated blocks")

// documents are the files that a reader meets.
func documents(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*.md")
	if err != nil || len(files) < 5 {
		t.Fatalf("documents: %v, %v", files, err)
	}
	return append(files, "../README.md", "../SECURITY.md", "../CHANGELOG.md")
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// blocks are the generated ones, by name.
var blocks = map[string]func(*testing.T) string{
	"seccomp sets": seccompSets,
	"what follows": whatFollows,
	"errors":       errorMessages,
	"example":      example("Example"),
	"example pod":  example("ExampleAdmit"),
	"demo plan":    demoPlan,
}

var block = regexp.MustCompile(`(?s)<!-- generated: ([a-z ]+) -->\n(.*?)<!-- end -->`)

func TestGeneratedBlocks(t *testing.T) {
	seen := map[string]bool{}
	for _, name := range documents(t) {
		old := read(t, name)
		text := block.ReplaceAllStringFunc(old, func(b string) string {
			what := block.FindStringSubmatch(b)[1]
			generate, ok := blocks[what]
			if !ok {
				t.Errorf("%s: nothing generates %q", name, what)
				return b
			}
			seen[what] = true
			return fmt.Sprintf("<!-- generated: %s -->\n%s<!-- end -->", what, generate(t))
		})
		switch {
		case text == old:
		case *update:
			if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		default:
			t.Errorf("%s is not what the code says; run: go test ./docs -update", name)
		}
	}
	for what := range blocks {
		if !seen[what] {
			t.Errorf("no document has the block %q", what)
		}
	}
}

// A document that names a test names one that exists.
func TestNamedTestsExist(t *testing.T) {
	exists := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Example)\w*)\(`)
	err := filepath.WalkDir("..", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		for _, m := range declared.FindAllStringSubmatch(read(t, path), -1) {
			exists[m[1]] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`((?:Test|Fuzz|Example)[A-Z]\\w*)`")
	for _, doc := range documents(t) {
		for _, m := range named.FindAllStringSubmatch(read(t, doc), -1) {
			if !exists[m[1]] {
				t.Errorf("%s names %s, which does not exist", doc, m[1])
			}
		}
	}
}

func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:]*)(?:#([^)]*))?\)`)
	for _, doc := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(read(t, doc), -1) {
			target := doc
			if m[1] != "" {
				target = filepath.Join(filepath.Dir(doc), m[1])
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: %v", doc, err)
			} else if m[2] != "" && !slices.Contains(anchors(t, target), m[2]) {
				t.Errorf("%s: %s has no heading #%s", doc, target, m[2])
			}
		}
	}
}

// anchors are the headings of a document, as links name them.
func anchors(t *testing.T, doc string) []string {
	dropped := regexp.MustCompile(`[^a-z0-9 _-]`)
	var all []string
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(read(t, doc), -1) {
		all = append(all, strings.ReplaceAll(dropped.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-"))
	}
	return all
}

// TestDecisionTable compares every combination with the rows of the document:
// each fits exactly one, and Resolve does what that says.
func TestDecisionTable(t *testing.T) {
	var rows [][]string
	for line := range strings.Lines(read(t, "decision-table.md")) {
		if cells := strings.Split(strings.Trim(line, "| \n"), " | "); len(cells) == 5 && cells[0] != "flag" && cells[0] != "---" {
			rows = append(rows, cells)
		}
	}
	for _, f := range []bool{true, false} {
		for hint, setting := range map[string]directfspolicy.Setting{"absent": directfspolicy.Unset, "default": directfspolicy.Default, "on": directfspolicy.On, "off": directfspolicy.Off} {
			for _, b := range []directfspolicy.Backend{directfspolicy.NoGofer, directfspolicy.StockGofer, directfspolicy.VirtualGofer, directfspolicy.DonatingGofer} {
				fits := slices.DeleteFunc(slices.Clone(rows), func(r []string) bool {
					return r[0] != "any" && r[0] != fmt.Sprint(f) || !slices.Contains(strings.Split(r[1], ", "), hint) || !fitsBackend(r[2], b)
				})
				if len(fits) != 1 {
					t.Errorf("flag %t, hint %s, %v: %d rows fit", f, hint, b, len(fits))
					continue
				}
				access, reason := resolved(f, setting, b)
				if access != fits[0][3] || !strings.HasSuffix(reason, fits[0][4]) && !strings.Contains(reason, ": "+fits[0][4]+";") {
					t.Errorf("flag %t, hint %s, %v: Resolve says %s, %s; the table says %s, %s", f, hint, b, access, reason, fits[0][3], fits[0][4])
				}
			}
		}
	}
}

func fitsBackend(word string, b directfspolicy.Backend) bool {
	switch word {
	case "donating":
		return b == directfspolicy.StockGofer || b == directfspolicy.DonatingGofer
	case "virtual":
		return b == directfspolicy.VirtualGofer
	case "any gofer":
		return b != directfspolicy.NoGofer
	}
	return word == "none" && b == directfspolicy.NoGofer
}

func resolved(f bool, s directfspolicy.Setting, b directfspolicy.Backend) (access, reason string) {
	p, err := directfspolicy.Resolve(directfspolicy.Request{Container: directfspolicy.Container{Flag: f}, Rootfs: directfspolicy.Mount{
		Backend: b, Hints: []directfspolicy.Hint{{Knob: directfspolicy.DirectFSKnob, Key: "key", Setting: s}},
	}})
	if err != nil {
		return "refused", err.Error()
	}
	return p.Decisions()[0].Access.String(), p.Decisions()[0].WhyAccess.Reason()
}

// situations are the containers by which whatFollows explains.
var situations = []struct {
	name    string
	request func(*directfspolicy.Request)
}{
	{"every mount off", func(r *directfspolicy.Request) { r.Rootfs.Hints = off; r.Mounts[0].Hints = off }},
	{"rootfs off, one mount on", func(r *directfspolicy.Request) { r.Rootfs.Hints = off }},
	{"every mount on", func(r *directfspolicy.Request) {}},
	{"every mount on, none writes to the host", func(r *directfspolicy.Request) { r.Rootfs.ReadOnly = true; r.Mounts[0].ReadOnly = true }},
	{"every mount off, host network", func(r *directfspolicy.Request) { r.Rootfs.Hints = off; r.Mounts[0].Hints = off; r.HostNetwork = true }},
	{"first container of a pod, every mount off", func(r *directfspolicy.Request) {
		r.Rootfs.Hints = off
		r.Mounts[0].Hints = off
		r.Scope = directfspolicy.PodSandbox
	}},
	{"the same, --directfs=false", func(r *directfspolicy.Request) {
		r.Rootfs.Hints = off
		r.Mounts[0].Hints = off
		r.Scope = directfspolicy.PodSandbox
		r.Flag = false
	}},
}

var off = []directfspolicy.Hint{{Knob: directfspolicy.DirectFSKnob, Key: "key", Setting: directfspolicy.Off}}

func whatFollows(t *testing.T) string {
	var b strings.Builder
	b.WriteString("| container (--directfs=true) | capabilities for files | umask | user namespace | sentry's sets | gofer's sets |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, s := range situations {
		r := directfspolicy.Request{
			Container: directfspolicy.Container{Flag: true},
			Rootfs:    directfspolicy.Mount{Backend: directfspolicy.StockGofer},
			Mounts:    []directfspolicy.Mount{{Destination: "/data", Backend: directfspolicy.StockGofer}},
		}
		s.request(&r)
		p, err := directfspolicy.Resolve(r)
		if err != nil {
			t.Fatal(err)
		}
		umask, caps, ns := "unchanged", "none", "new"
		if p.Sandbox().SpecUserNamespace {
			ns = "spec"
		}
		if p.Sandbox().UmaskZero {
			umask = "0"
		}
		if len(p.Sandbox().Capabilities) > 0 {
			caps = strings.ReplaceAll(strings.Join(p.Sandbox().Capabilities, " "), "CAP_", "")
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %v | %s | %s |\n", s.name, caps, umask, ns, sets(p.Sentry()), sets(p.Gofer()))
	}
	return b.String()
}

func sets(names []directfspolicy.SetName) string {
	var s []string
	for _, n := range names {
		s = append(s, "`"+string(n)+"`")
	}
	return strings.Join(s, " ")
}

// mistakes are bundles that are refused. Each has a mount at /data with the
// source /srv/data and a tmpfs at /tmp.
var mistakes = []struct {
	what        string
	annotations string // KEY=VALUE, by spaces; M. and R. abbreviate prefixes
	options     []string
	tmpfs       []string
	twin        bool // a mount at /also of what is in /srv/data/sub
}{
	{what: "a value that is not one of the words", annotations: "M.data.source=/srv/data M.data.directfs=Off"},
	{what: "the same for the rootfs", annotations: "R.directfs="},
	{what: "the same as a mount option", options: []string{"directfs=1"}},
	{what: "a name without a source", annotations: "M.data.directfs=off"},
	{what: "a source that no mount has", annotations: "M.data.source=/srv/date M.data.directfs=off"},
	{what: "annotation and mount option differ", annotations: "M.data.source=/srv/data M.data.directfs=off", options: []string{"directfs=on"}},
	{what: "two names for one source differ", annotations: "M.data.source=/srv/data M.data.directfs=off M.same.source=/srv/data M.same.directfs=on"},
	{what: "on for a mount without a gofer", tmpfs: []string{"directfs=on"}},
	{what: "a name with a dot", annotations: "M.my.data.directfs=off"},
	{what: "an option with a comma in it", options: []string{"dcache=-1,directfs"}},
	{what: "the engine's own option", options: []string{"directfs"}},
	{what: "a cache mode that is none", options: []string{"cache=none"}},
	{what: "an exclusive cache of what another mount writes", options: []string{"cache=exclusive"}, twin: true},
	{what: "type=tmpfs and bind at once", annotations: "M.data.source=/srv/data M.data.type=tmpfs M.data.share=pod M.data.options=bind"},
}

func errorMessages(t *testing.T) string {
	var b strings.Builder
	for _, m := range mistakes {
		spec := &specs.Spec{
			Annotations: map[string]string{},
			Root:        &specs.Root{Path: "rootfs"},
			Mounts: []specs.Mount{
				{Destination: "/data", Type: "bind", Source: "/srv/data", Options: m.options},
				{Destination: "/tmp", Type: "tmpfs", Source: "tmpfs", Options: m.tmpfs},
			},
		}
		if m.twin {
			spec.Mounts = append(spec.Mounts, specs.Mount{Destination: "/also", Type: "bind", Source: "/srv/data/sub"})
		}
		for _, a := range strings.Fields(m.annotations) {
			key, value, _ := strings.Cut(a, "=")
			key = strings.Replace(key, "M.", "dev.gvisor.spec.mount.", 1)
			spec.Annotations[strings.Replace(key, "R.", "dev.gvisor.spec.rootfs.", 1)] = value
		}
		_, err := ociconfig.Plan(spec, ociconfig.Options{Flag: true})
		if err == nil {
			t.Errorf("%s: accepted", m.what)
			continue
		}
		fmt.Fprintf(&b, "- %s:\n  ```\n  create: %v\n  ```\n", m.what, err)
	}
	return b.String()
}

// example returns the source of one of ociconfig's tested examples.
func example(name string) func(*testing.T) string {
	return func(t *testing.T) string { return exampleSource(t, name) }
}

func exampleSource(t *testing.T, name string) string {
	const file = "../pkg/ociconfig/example_test.go"
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Name.Name != name {
			continue
		}
		source := read(t, file)[fset.Position(fn.Pos()).Offset:fset.Position(fn.End()).Offset]
		out, err := format.Source([]byte(source))
		if err != nil {
			t.Fatal(err)
		}
		return "```go\n" + string(out) + "\n```\n"
	}
	t.Fatalf("%s has no %s", file, name)
	return ""
}

// demoPlan is what make demo prints first.
func demoPlan(t *testing.T) string {
	spec := &specs.Spec{Root: &specs.Root{Path: "rootfs"}, Annotations: map[string]string{"dev.gvisor.spec.rootfs.directfs": "on"}}
	for _, kind := range []string{"proc", "dev", "sys", "tmp"} {
		spec.Mounts = append(spec.Mounts, specs.Mount{Destination: "/" + kind, Type: kind})
	}
	for name, hint := range map[string]string{"a": "off", "b": "on"} {
		spec.Annotations["dev.gvisor.spec.mount."+name+".source"] = "/src/" + name
		spec.Annotations["dev.gvisor.spec.mount."+name+".directfs"] = hint
	}
	for _, name := range []string{"a", "b", "c"} {
		spec.Mounts = append(spec.Mounts, specs.Mount{Destination: "/" + name, Type: "bind", Source: "/src/" + name})
	}
	p, err := ociconfig.Plan(spec, ociconfig.Options{Flag: true, RootfsCache: directfspolicy.CacheExclusive})
	if err != nil {
		t.Fatal(err)
	}
	return "```\n" + p.String() + "```\n"
}
