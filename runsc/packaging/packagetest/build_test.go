package packagetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// needed are the programs that the tests call, and the packages that have them.
var needed = [][2]string{{"dpkg-deb", "dpkg"}, {"lintian", "lintian"}, {"mandoc", "mandoc"}, {"groff", "groff"},
	{"mmdebstrap", "mmdebstrap"}, {"zsh", "zsh"}, {"fish", "fish"}, {"unshare", "util-linux"}}

func TestMain(m *testing.M) {
	var missing []string
	for _, n := range needed {
		if _, err := exec.LookPath(n[0]); err != nil {
			missing = append(missing, n[1])
		}
	}
	switch {
	case len(missing) > 0:
		fmt.Fprintln(os.Stderr, "missing; apt-get install --no-install-recommends "+strings.Join(missing, " "))
	case os.Getuid() != 0:
		fmt.Fprintln(os.Stderr, "make test-package has to be called by root: it installs a package in a root of its own")
	default:
		code := m.Run()
		os.RemoveAll(work())
		os.Exit(code)
	}
	os.Exit(1)
}

// work is a directory for all tests.
var work = sync.OnceValue(func() string {
	dir, err := os.MkdirTemp("", "packagetest-")
	if err != nil {
		panic(err)
	}
	return dir
})

// checkout clones the last commit; what is not committed is not tested.
func checkout(t *testing.T, dir string) {
	t.Helper()
	if out := run(t, "git", "status", "--porcelain"); out != "" {
		t.Logf("not tested, for it is not committed:\n%s", out)
	}
	run(t, "git", "clone", "-q", "--no-local", strings.TrimSpace(run(t, "git", "rev-parse", "--show-toplevel")), dir)
}

var once sync.Once

// built has the artefacts of the first build, which most tests look at, or those
// in the directory RUNSC_TEST_PACKAGE_DIST.
func built(t *testing.T) string {
	t.Helper()
	if dist := os.Getenv("RUNSC_TEST_PACKAGE_DIST"); dist != "" {
		return dist
	}
	dir := filepath.Join(work(), "a")
	once.Do(func() {
		checkout(t, dir)
		makePackage(t, dir, "umask 022", "TZ=UTC", "LANG=C")
	})
	dist := filepath.Join(dir, "dist")
	if _, err := os.Stat(filepath.Join(dist, "SHA256SUMS")); err != nil {
		t.Fatalf("there are no packages: %v", err)
	}
	return dist
}

func makePackage(t *testing.T, dir, before string, env ...string) {
	t.Helper()
	c := exec.Command("bash", "-c", before+"; exec nice make -s package")
	c.Dir = dir
	c.Env = append(os.Environ(), env...)
	start := time.Now()
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("make package: %v\n%s", err, out)
	}
	t.Logf("make package took %v", time.Since(start).Round(time.Second))
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, name, args...)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", c, err, out, stderr.Bytes())
	}
	return string(out)
}

// Two builds in two directories, with other umasks, time zones and languages,
// give the same bytes. With RUNSC_TEST_PACKAGE_COLD=1 the second one compiles
// everything again.
func TestReproducible(t *testing.T) {
	a := built(t)
	other := filepath.Join(work(), "another directory", "of-a-longer-name")
	checkout(t, other)
	env := []string{"TZ=Pacific/Kiritimati", "LANG=de_DE.UTF-8", "LC_ALL=tr_TR.UTF-8", "HOME=" + t.TempDir(), "USER=someone", "TMPDIR=" + t.TempDir(),
		"GOMODCACHE=" + strings.TrimSpace(run(t, "go", "env", "GOMODCACHE")), "GOCACHE=" + strings.TrimSpace(run(t, "go", "env", "GOCACHE")), "GOPROXY=" + strings.TrimSpace(run(t, "go", "env", "GOPROXY"))}
	if os.Getenv("RUNSC_TEST_PACKAGE_COLD") != "" {
		env = append(env, "GOCACHE="+t.TempDir())
	}
	makePackage(t, other, "umask 077", env...)
	b := filepath.Join(other, "dist")
	files := names(t, a)
	if got := names(t, b); strings.Join(got, " ") != strings.Join(files, " ") || len(files) != 7 {
		t.Fatalf("files %q and %q, want 3 of each architecture and the sums", files, got)
	}
	for _, name := range files {
		if x, y := sum(t, filepath.Join(a, name)), sum(t, filepath.Join(b, name)); x != y {
			t.Errorf("%s differs: %s and %s", name, x, y)
		}
		if info, err := os.Stat(filepath.Join(b, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v %v", name, info, err)
		}
	}
	c := exec.Command("sha256sum", "--strict", "-c", "SHA256SUMS")
	c.Dir = b
	if out, err := c.CombinedOutput(); err != nil || strings.Count(string(out), ": OK") != 6 {
		t.Errorf("SHA256SUMS: %v\n%s", err, out)
	}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func sum(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(data))
}

// artefact is the one file of an architecture with that ending.
func artefact(t *testing.T, arch, ending string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(built(t), "*"+arch+ending))
	if err != nil || len(found) != 1 {
		t.Fatalf("%s%s: %v %v", arch, ending, found, err)
	}
	return found[0]
}

var arches = []string{"amd64", "arm64"}

// here is the architecture of this machine.
const here = runtime.GOARCH
