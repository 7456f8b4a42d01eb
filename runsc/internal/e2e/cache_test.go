package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	"github.com/directfs/runsc/runsc/internal/e2e/guest/report"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// turn is a step of the guest and what it has to say, or something that happens
// on the host.
type turn struct {
	step string
	says string            // by every cache mode
	mode map[string]string // or by each

	host  func(dir string) error
	files map[string]string // what the host has afterwards
}

// play runs the turns on a directory of the host that is mounted with the
// options at /a.
func play(t *testing.T, lab *harness.Lab, dir, cache string, turns []turn, options ...string) {
	t.Helper()
	steps := []string{"script"}
	for _, tn := range turns {
		if tn.step != "" {
			steps = append(steps, tn.step)
		}
	}
	c := lab.Serve(t, lab.Bundle(t, harness.MountFrom(dir, "/a", append(options, "rw", "cache="+cache)...), harness.Args(steps...)))
	expectLine(t, c, "ready")
	for _, tn := range turns {
		if tn.host != nil {
			if err := tn.host(dir); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := c.Kill(harness.Context(t), "USR1"); err != nil {
			t.Fatal(err)
		}
		got, err := c.Stdout.Line(harness.Context(t))
		if err != nil {
			t.Fatalf("%s: %v; stderr: %s", tn.step, err, c.Stderr.Text())
		}
		want := tn.says
		if tn.mode != nil {
			want = tn.mode[cache]
		}
		if got != want {
			t.Errorf("%s: %q, want %q", tn.step, got, want)
		}
		for name, want := range tn.files {
			if b, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(b) != want {
				t.Errorf("after %s the host's %s is %q, %v, want %q", tn.step, name, b, err, want)
			}
		}
	}
}

// onHost changes a file behind the container's back.
func onHost(name string, flags int, text string) func(string) error {
	return func(dir string) error {
		f, err := os.OpenFile(filepath.Join(dir, name), flags|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		if _, err := f.WriteString(text); err != nil {
			return err
		}
		return f.Close()
	}
}

func each(shared, exclusive string) map[string]string {
	return map[string]string{"shared": shared, "exclusive": exclusive}
}

// What the guest writes is on the host at once, by every kind of handle, in
// every mode.
var ownWrites = []turn{
	{step: "open w w /a/data", says: "ok"},
	{step: "write w WW", says: "ok", files: map[string]string{"data": "WW345"}},
	{step: "open rw create /a/new", says: "ok", files: map[string]string{"new": ""}},
	{step: "write rw hello", says: "ok", files: map[string]string{"new": "hello"}},
	{step: "truncate rw 2", says: "ok", files: map[string]string{"new": "he"}},
	{step: "size /a/new", says: "2"},
	{step: "sync rw", says: "ok", files: map[string]string{"new": "he"}},
	{step: "open end append /a/log", says: "ok"},
	{step: "write end one", says: "ok", files: map[string]string{"log": "one"}},
	{step: "open end2 append /a/log", says: "ok"},
	{step: "write end2 two", says: "ok", files: map[string]string{"log": "onetwo"}},
	{step: "write end three", says: "ok", files: map[string]string{"log": "onetwothree"}},
	{step: "truncate end 3", says: "ok", files: map[string]string{"log": "one"}},
	{step: "write end2 four", says: "ok", files: map[string]string{"log": "onefour"}},
	{step: "cat /a/log", says: "onefour"},
	{step: "open m rw /a/data", says: "ok"},
	{step: "map m 5", says: "ok"},
	{step: "poke m XYZ", says: "ok", files: map[string]string{"data": "XYZ45"}},
	{step: "cat /a/data", says: "XYZ45"},
	{step: "write w VV", says: "ok", files: map[string]string{"data": "XYVV5"}},
	{step: "peek m", says: "XYVV5"},
	{step: "msync m", says: "ok", files: map[string]string{"data": "XYVV5"}},
}

// What the host writes is seen at once by a shared cache. An exclusive one goes
// on with the names and sizes that it knows, also with names that it knows are
// not there; contents, and what it has not looked at, are the host's.
// docs/cache.md says the same.
var othersWrites = []turn{
	{step: "open end append /a/log", says: "ok"},
	{step: "write end one", says: "ok"},
	{step: "size /a/data", says: "5"},
	{step: "list /a", says: "data gone log unseen"},
	{step: "size /a/absent", says: "ENOENT"},
	{step: "open m rw /a/data", says: "ok"},
	{step: "map m 5", says: "ok"},

	{host: onHost("data", 0, "hhh")},
	{step: "peek m", says: "hhh45"},
	{step: "pread m", says: "hhh45"},
	{host: onHost("data", os.O_APPEND, "67890")},
	{step: "size /a/data", mode: each("10", "5")},
	{host: onHost("absent", os.O_CREATE, "abc")},
	{step: "size /a/absent", mode: each("3", "ENOENT")},
	{host: func(dir string) error { return os.Remove(filepath.Join(dir, "gone")) }},
	{step: "list /a", mode: each("absent data log unseen", "data gone log unseen")},
	{step: "cat /a/gone", says: "ENOENT"},
	{host: func(dir string) error { return os.Truncate(filepath.Join(dir, "unseen"), 1) }},
	{step: "cat /a/unseen", says: "1"},

	// This is why exclusive is a promise.
	{host: onHost("log", os.O_APPEND, "HOST")},
	{step: "write end two", says: "ok"},
	{step: "cat /a/log", mode: each("oneHOSTtwo", "onetwoT")},
}

func TestCacheModesOnRealFiles(t *testing.T) {
	for _, hint := range []string{"on", "off"} {
		for _, cache := range []string{"shared", "exclusive"} {
			for name, turns := range map[string][]turn{"own writes": ownWrites, "others' writes": othersWrites} {
				t.Run(hint+"/"+cache+"/"+name, func(t *testing.T) {
					lab := newLab(t)
					dir := volume(lab, "src")
					if err := os.Mkdir(dir, 0o755); err != nil {
						t.Fatal(err)
					}
					for _, file := range []string{"data", "gone", "unseen"} {
						if err := os.WriteFile(filepath.Join(dir, file), []byte("12345"), 0o644); err != nil {
							t.Fatal(err)
						}
					}
					play(t, lab, dir, cache, turns, "directfs="+hint)
				})
			}
		}
	}
}

// cacheHint sets dev.gvisor.spec.mount.NAME.source and .cache.
func cacheHint(name, source, value string) harness.Option {
	return harness.Edit(func(s *specs.Spec) {
		s.Annotations["dev.gvisor.spec.mount."+name+".source"] = source
		s.Annotations["dev.gvisor.spec.mount."+name+".cache"] = value
	})
}

// cacheOption is how the guest's mount table shows a cache mode
// (pkg/sentry/fsimpl/gofer/filesystem.go:1974).
var cacheOption = map[string]string{"shared": "cache=remote_revalidating", "exclusive": "cache=fscache"}

// The mount table has the mode that each hint asks for, whatever the access, and
// writes to all mounts reach the host: no overlay comes with it.
func TestCacheHints(t *testing.T) {
	for _, directfs := range []bool{true, false} {
		for _, root := range []string{"", "shared", "exclusive"} {
			t.Run(flag(directfs)+" root="+root, func(t *testing.T) {
				lab := newLab(t, flag(directfs))
				opts := []harness.Option{
					harness.Mount("/none"), harness.Mount("/annotated"), harness.Mount("/option", "rw", "cache=exclusive"),
					harness.Mount("/both", "rw", "directfs=on", "cache=exclusive"), harness.Mount("/said", "rw", "directfs=off", "cache=shared"),
					harness.FileMount("/file", "x", "rw", "cache=exclusive"),
					harness.Args("serve", "/", "/none", "/annotated", "/option", "/both", "/said"),
				}
				if root != "" {
					opts = append(opts, harness.Annotation("dev.gvisor.spec.rootfs.cache", root))
				}
				opts = append(opts, func(b *harness.Bundle) error { return cacheHint("a", b.Source("/annotated"), "exclusive")(b) })
				c := lab.Serve(t, lab.Bundle(t, opts...))
				if root == "" {
					root = "exclusive" // --file-access
				}
				r := readReport(t, c)
				checkOps(t, c.Bundle, r)
				checkCaches(t, r, map[string]string{
					"/": root, "/none": "shared", "/annotated": "exclusive", "/option": "exclusive",
					"/both": "exclusive", "/said": "shared", "/file": "exclusive",
				})
			})
		}
	}
}

// checkCaches expects the cache modes in the guest's mount table.
func checkCaches(t *testing.T, r report.Report, want map[string]string) {
	t.Helper()
	for mount, cache := range want {
		m, ok := r.Mount(mount)
		if !ok || !m.Has(cacheOption[cache]) {
			t.Errorf("%s is mounted with %q, want cache=%s", mount, m.Options, cache)
		}
	}
}
