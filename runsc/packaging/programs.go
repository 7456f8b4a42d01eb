package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
)

// ours is the path that the modules of this repository begin with.
const ours = "github.com/directfs/runsc"

// program is one that is packaged: each file in the directory that is given.
type program struct {
	name, file string
	size       int64
	sum        [sha256.Size]byte
	info       *debug.BuildInfo
	packages   []linked // what it is linked from
}

// linked is one package of a program, but for those of Go.
type linked struct {
	Dir      string
	Standard bool
	Module   *struct {
		Path, Version, Dir string
		Replace            *struct{ Dir string }
	}
}

func programsOf(root, dir, arch string) ([]program, error) {
	names, err := children(dir)
	if err != nil {
		return nil, err
	}
	var all []program
	for _, name := range names {
		p := program{name: name, file: filepath.Join(dir, name)}
		if err := p.read(root, arch); err != nil {
			return nil, fmt.Errorf("%s: %w", p.file, err)
		}
		all = append(all, p)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s has no program", dir)
	}
	return all, nil
}

func (p *program) read(root, arch string) error {
	data, err := os.ReadFile(p.file)
	if err != nil {
		return err
	}
	p.size, p.sum = int64(len(data)), sha256.Sum256(data)
	if p.info, err = buildinfo.ReadFile(p.file); err != nil {
		return err
	}
	for _, s := range p.info.Settings {
		if s.Key == "GOARCH" && s.Value != arch {
			return fmt.Errorf("it is for %s, not for %s", s.Value, arch)
		}
	}
	if p.packages, err = packagesOf(root, p.info, arch); err != nil {
		return err
	}
	return p.compare()
}

// packagesOf asks Go what the program is linked from. The build information has
// modules alone, and a package may have a licence of its own.
func packagesOf(root string, info *debug.BuildInfo, arch string) ([]linked, error) {
	module, ok := strings.CutPrefix(info.Main.Path, ours)
	if !ok {
		return nil, fmt.Errorf("it is of module %s, not of %s", info.Main.Path, ours)
	}
	c := exec.Command("go", "list", "-deps", "-json=Dir,Standard,Module", info.Path)
	c.Dir = filepath.Join(root, module)
	c.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+arch, "CGO_ENABLED=0", "GOWORK=off")
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c, err)
	}
	var all []linked
	for d := json.NewDecoder(bytes.NewReader(out)); d.More(); {
		var l linked
		if err := d.Decode(&l); err != nil {
			return nil, err
		}
		if !l.Standard && l.Module != nil {
			all = append(all, l)
		}
	}
	return all, nil
}

// compare says if the checkout is not what the program was built from.
func (p *program) compare() error {
	if p.info.GoVersion != runtime.Version() {
		return fmt.Errorf("it was built with %s, and this is %s; build it again", p.info.GoVersion, runtime.Version())
	}
	built := map[string]string{p.info.Main.Path: ""}
	for _, m := range p.info.Deps {
		built[m.Path] = m.Version
	}
	for _, l := range p.packages {
		if v, ok := built[l.Module.Path]; !ok || v != "" && v != l.Module.Version {
			return fmt.Errorf("it was not built from this checkout: module %s is %s there and %s here; build it again", l.Module.Path, v, l.Module.Version)
		}
	}
	return nil
}
