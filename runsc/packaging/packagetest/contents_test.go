package packagetest

import (
	"bytes"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/directfs/runsc/runsc/packaging/internal/schema"
)

// unpacked has what is in the package of an architecture.
func unpacked(t *testing.T, arch string) string {
	t.Helper()
	dir := t.TempDir()
	run(t, "dpkg-deb", "-R", artefact(t, arch, ".deb"), dir)
	return dir
}

func TestModes(t *testing.T) {
	seconds, err := strconv.ParseInt(strings.TrimSpace(run(t, "git", "-C", built(t), "log", "-1", "--format=%ct")), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	commit := time.Unix(seconds, 0).UTC().Format("2006-01-02 15:04")
	listed := regexp.MustCompile(`^(drwxr-xr-x|-rwxr-xr-x|-rw-r--r--) root/root +\d+ ` + commit + ` \./(usr/.*)?$`)
	for _, arch := range arches {
		for line := range strings.Lines(run(t, "env", "TZ=UTC", "dpkg-deb", "-c", artefact(t, arch, ".deb"))) {
			line = strings.TrimSuffix(line, "\n")
			m := listed.FindStringSubmatch(line)
			if m == nil {
				t.Errorf("%s: %s", arch, line)
			} else if program := strings.HasPrefix(m[2], "usr/bin/") && !strings.HasSuffix(m[2], "/"); program != (m[1] == "-rwxr-xr-x") {
				t.Errorf("%s: only programs can be executed: %s", arch, line)
			}
		}
		for line := range strings.Lines(run(t, "env", "TZ=UTC", "tar", "-tvzf", artefact(t, arch, ".tar.gz"))) {
			if !strings.Contains(line, " root/root ") || !strings.Contains(line, commit) || !strings.Contains(line, " runsc-directfs-") {
				t.Errorf("%s: %s", arch, line)
			}
		}
	}
}

// No script runs when the package is installed or removed.
func TestNoScripts(t *testing.T) {
	if got := strings.Join(names(t, filepath.Join(unpacked(t, here), "DEBIAN")), " "); got != "control md5sums" {
		t.Errorf("the package has %s", got)
	}
}

func TestPrograms(t *testing.T) {
	machines := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}
	places := []string{work(), os.Getenv("HOME") + "/go/", strings.TrimSpace(run(t, "go", "env", "GOMODCACHE")), strings.TrimSpace(run(t, "git", "rev-parse", "--show-toplevel"))}
	for _, arch := range arches {
		dir := filepath.Join(unpacked(t, arch), "usr/bin")
		programs := names(t, dir)
		if len(programs) < 2 {
			t.Errorf("%s has only %q", arch, programs)
		}
		for _, name := range programs {
			file := filepath.Join(dir, name)
			f, err := elf.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if libraries, _ := f.ImportedLibraries(); f.Machine != machines[arch] || len(libraries) > 0 {
				t.Errorf("%s: %s is for %v and needs %q", arch, name, f.Machine, libraries)
			}
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, place := range places {
				if place != "" && place != "/go/" && bytes.Contains(data, []byte(place)) {
					t.Errorf("%s: %s has the path %s", arch, name, place)
				}
			}
		}
	}
}

func TestManualPages(t *testing.T) {
	dir := unpacked(t, here)
	pages, err := filepath.Glob(dir + "/usr/share/man/man1/*.gz")
	if err != nil || len(pages) < 40 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	for _, page := range pages {
		for _, command := range []string{"mandoc -T lint -W warning", "groff -ww -man -Tutf8 -z"} {
			if out, err := exec.Command("bash", "-c", "zcat "+page+" | "+command).CombinedOutput(); err != nil || len(out) > 0 {
				t.Errorf("%s: %s: %v\n%s", filepath.Base(page), command, err, out)
			}
		}
	}
	for _, program := range names(t, dir+"/usr/bin") {
		if _, err := os.Stat(dir + "/usr/share/man/man1/" + program + ".1.gz"); err != nil {
			t.Error(err)
		}
	}
}

func TestLintian(t *testing.T) {
	for _, arch := range arches {
		out, err := exec.Command("lintian", "--allow-root", "--fail-on", "error,warning", artefact(t, arch, ".deb")).CombinedOutput()
		if err != nil || bytes.Contains(out, []byte("unused-override")) {
			t.Errorf("%s: %v\n%s", arch, err, out)
		}
	}
}

// The SBOM is one by CycloneDX's schema, and has every module of every program.
func TestSBOM(t *testing.T) {
	for _, arch := range arches {
		text, err := os.ReadFile(artefact(t, arch, ".cdx.json"))
		if err != nil {
			t.Fatal(err)
		}
		dir := unpacked(t, arch)
		if inside, err := os.ReadFile(dir + "/usr/share/doc/runsc-directfs/sbom.cdx.json"); err != nil || !bytes.Equal(inside, text) {
			t.Errorf("%s: the package has another SBOM, %v", arch, err)
		}
		bom, err := schema.Check(text)
		if err != nil {
			t.Fatalf("%s: %v", arch, err)
		}
		has := map[string]bool{}
		for _, c := range *bom.Components {
			has[c.Name+" "+c.Version] = true
			if c.Hashes != nil {
				has[(*c.Hashes)[0].Value] = true
			}
		}
		for _, name := range names(t, dir+"/usr/bin") {
			file := dir + "/usr/bin/" + name
			if !has[sum(t, file)] {
				t.Errorf("%s: the SBOM has not the sum of %s", arch, name)
			}
			for line := range strings.Lines(run(t, "go", "version", "-m", file)) {
				if f := strings.Fields(line); len(f) > 2 && f[0] == "dep" && !strings.HasPrefix(f[1], "github.com/directfs/runsc") && !has[f[1]+" "+f[2]] {
					t.Errorf("%s: the SBOM has not %s %s of %s", arch, f[1], f[2], name)
				}
			}
		}
	}
}
