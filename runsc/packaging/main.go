// Command packaging makes a Debian package, a tarball and an SBOM of programs
// that have been built. What it makes depends on the programs, the checkout and
// the arguments, and on nothing else of the machine but the versions of Go, dpkg
// and xz.
package main

import (
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// name is that of the package. It is not upstream's, "runsc": docs/packages.md
// says why.
const name = "runsc-directfs"

func main() {
	var b build
	var epoch int64
	flag.StringVar(&b.root, "root", "../..", "`DIR` of the checkout")
	flag.StringVar(&b.programs, "programs", "", "`DIR` with the programs, in a directory for each architecture")
	flag.StringVar(&b.out, "out", "", "`DIR` for what is made")
	flag.StringVar(&b.described, "version", "", "the version, as git describe has it")
	flag.Int64Var(&epoch, "epoch", -1, "time of the commit, in `SECONDS` since 1970")
	flag.Parse()
	b.time = time.Unix(epoch, 0).UTC()
	if err := b.run(epoch); err != nil {
		fmt.Fprintln(os.Stderr, "packaging:", err)
		os.Exit(1)
	}
}

// build is what packages are made of.
type build struct {
	root, programs, out string
	described           string
	time                time.Time // all files have it
}

func (b *build) run(epoch int64) error {
	if b.programs == "" || b.out == "" || b.described == "" || epoch < 0 {
		return errors.New("-programs, -out, -version and -epoch are needed; make package sets them from git")
	}
	architectures, err := children(b.programs)
	if err != nil {
		return err
	}
	if !slices.Contains(architectures, runtime.GOARCH) {
		return fmt.Errorf("%s has no directory %s: the manual pages are made by the programs of this machine", b.programs, runtime.GOARCH)
	}
	pages, err := b.documentation(filepath.Join(b.programs, runtime.GOARCH))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(b.out, 0o755); err != nil {
		return err
	}
	var made []string
	for _, arch := range architectures {
		files, err := b.architecture(arch, pages)
		if err != nil {
			return fmt.Errorf("%s: %w", arch, err)
		}
		made = append(made, files...)
	}
	return b.sums(made)
}

// architecture makes the files of one architecture, and returns their names.
func (b *build) architecture(arch string, pages tree) ([]string, error) {
	programs, err := programsOf(b.root, filepath.Join(b.programs, arch), arch)
	if err != nil {
		return nil, err
	}
	version := debianVersion(b.described, b.time)
	licences, err := licencesOf(b.root, programs)
	if err != nil {
		return nil, err
	}
	bom, err := sbom(sbomOf{version: version, arch: arch, time: b.time}, programs, licences)
	if err != nil {
		return nil, err
	}
	files := slices.Concat(pages, b.common(programs, licences), tree{{path: doc + "sbom.cdx.json", mode: 0o644, data: bom}})
	bomName := fmt.Sprintf("%s_%s_%s.cdx.json", name, version, arch)
	if err := os.WriteFile(filepath.Join(b.out, bomName), bom, 0o644); err != nil {
		return nil, err
	}
	deb := fmt.Sprintf("%s_%s_%s.deb", name, version, arch)
	if err := writeDeb(filepath.Join(b.out, deb), b.debian(version, files), control{version: version, arch: arch}, b.time); err != nil {
		return nil, err
	}
	top := fmt.Sprintf("%s-%s-linux-%s", name, b.described, arch)
	tarball := top + ".tar.gz"
	if err := writeTarball(filepath.Join(b.out, tarball), top, b.local(files), b.time); err != nil {
		return nil, err
	}
	return []string{deb, tarball, bomName}, nil
}

// sums writes SHA256SUMS, as sha256sum does.
func (b *build) sums(files []string) error {
	var text strings.Builder
	slices.Sort(files)
	for _, name := range files {
		data, err := os.ReadFile(filepath.Join(b.out, name))
		if err != nil {
			return err
		}
		fmt.Fprintf(&text, "%x  %s\n", sha256.Sum256(data), name)
		fmt.Println(filepath.Join(b.out, name))
	}
	return os.WriteFile(filepath.Join(b.out, "SHA256SUMS"), []byte(text.String()), 0o644)
}

func children(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, err
}
