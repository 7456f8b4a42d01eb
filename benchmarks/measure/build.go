package measure

import (
	"bytes"
	"context"
	"debug/buildinfo"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const (
	engineModule    = "gvisor.dev/gvisor"
	upstreamPackage = engineModule + "/runsc"
	ourPackage      = "./runsc"
)

// Programs are absolute paths of what is measured, and with what.
type Programs struct {
	Upstream, Ours, Unisolated, Runc, Worker string

	// Engine is the commit of gVisor that all three runsc are built from.
	Engine string
}

// Build builds the programs that the configurations need into dir. Upstream's
// runsc is built in the main module, so that all dependencies have the
// versions that ours has.
func Build(ctx context.Context, module, dir string, configs []Config, say func(string)) (Programs, error) {
	p := Programs{
		Upstream: filepath.Join(dir, "upstream-runsc"), Ours: filepath.Join(dir, "runsc"),
		Unisolated: filepath.Join(dir, "unisolated-runsc"), Worker: filepath.Join(dir, "worker"),
	}
	if path, err := exec.LookPath("runc"); err == nil {
		p.Runc = path
	}
	b := builder{ctx, module, say}
	if err := b.build(p.Worker, filepath.Join(module, "benchmarks"), "./cmd/worker"); err != nil {
		return p, err
	}
	needed := map[Kind]bool{}
	for _, c := range configs {
		needed[c.Kind] = true
	}
	if needed[Upstream] {
		if err := b.build(p.Upstream, module, upstreamPackage); err != nil {
			return p, err
		}
	}
	if needed[Ours] {
		if err := b.build(p.Ours, module, ourPackage); err != nil {
			return p, err
		}
	}
	if needed[Unisolated] {
		if err := b.buildUnisolated(p.Unisolated, dir); err != nil {
			return p, err
		}
	}
	var err error
	if p.Engine, err = sameEngine(needed, p); err != nil {
		return p, err
	}
	return p, nil
}

type builder struct {
	ctx    context.Context
	module string
	say    func(string)
}

// build links without symbols, as make build does.
func (b builder) build(target, dir, pkg string, flags ...string) error {
	b.say("building " + pkg + " as " + filepath.Base(target))
	args := append([]string{"build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", target}, flags...)
	cmd := exec.CommandContext(b.ctx, "go", append(args, pkg)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", pkg, err, out)
	}
	return nil
}

//go:embed unisolated.go.txt
var unisolatedSource []byte

// The product has no switch for isolation, and shall not have one. For the
// benchmark, the beginning of one function is replaced (go help build,
// -overlay).
const (
	isolateFile  = "runsc/internal/gofer/isolate.go"
	isolateBegin = "\tif err := makeWrapper(); err != nil {\n"
	isolateOff   = "\tif unisolated {\n\t\treturn -1, serveTogether(conns)\n\t}\n"
)

func (b builder) buildUnisolated(target, dir string) error {
	overlay, err := b.overlay(dir)
	if err != nil {
		return err
	}
	return b.build(target, b.module, ourPackage, "-overlay="+overlay)
}

// overlay writes what go build needs for the change to dir, and returns the path
// of the list.
func (b builder) overlay(dir string) (string, error) {
	original := filepath.Join(b.module, isolateFile)
	source, err := os.ReadFile(original)
	if err != nil {
		return "", err
	}
	changed, err := switchOff(source)
	if err != nil {
		return "", err
	}
	overlay := map[string]map[string]string{"Replace": {
		original: filepath.Join(dir, "isolate.go.txt"),
		filepath.Join(b.module, filepath.Dir(isolateFile), "unisolated.go"): filepath.Join(dir, "unisolated.go.txt"),
	}}
	list, err := json.Marshal(overlay)
	if err != nil {
		return "", err
	}
	for name, data := range map[string][]byte{"isolate.go.txt": changed, "unisolated.go.txt": unisolatedSource, "overlay.json": list} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return "", err
		}
	}
	return filepath.Join(dir, "overlay.json"), nil
}

func switchOff(source []byte) ([]byte, error) {
	if n := bytes.Count(source, []byte(isolateBegin)); n != 1 {
		return nil, fmt.Errorf("%s has %q %d times, want it once: look at how the benchmark switches isolation off", isolateFile, strings.TrimSpace(isolateBegin), n)
	}
	return bytes.Replace(source, []byte(isolateBegin), []byte(isolateOff+isolateBegin), 1), nil
}

// sameEngine returns the commit of the engine in the programs, which must be
// one and the same.
func sameEngine(built map[Kind]bool, p Programs) (string, error) {
	engine := ""
	for kind, path := range map[Kind]string{Upstream: p.Upstream, Ours: p.Ours, Unisolated: p.Unisolated} {
		if !built[kind] {
			continue
		}
		version, err := engineOf(path)
		if err != nil {
			return "", err
		}
		if engine != "" && version != engine {
			return "", fmt.Errorf("the programs are of two versions of the engine, %s and %s", engine, version)
		}
		engine = version
	}
	return engine[strings.LastIndexByte(engine, '-')+1:], nil
}

func engineOf(program string) (string, error) {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return "", fmt.Errorf("read build information: %w", err)
	}
	for _, m := range append(info.Deps, &info.Main) {
		if m.Path == engineModule {
			return m.Version, nil
		}
	}
	return "", fmt.Errorf("%s is not built from %s", program, engineModule)
}
