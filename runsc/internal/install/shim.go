package install

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	shimName   = "containerd-shim-runsc-v1"
	shimModule = "github.com/directfs/runsc/runsc/shim"
	engineShim = "gvisor.dev/gvisor/shim"
	engineMod  = "gvisor.dev/gvisor"
)

// findShim returns the path of our shim: beside this program, or in PATH.
func (t *task) findShim() (string, error) {
	dirs := append([]string{filepath.Dir(t.program)}, filepath.SplitList(os.Getenv("PATH"))...)
	var foreign, seen []string
	for _, dir := range dirs {
		file := filepath.Join(dir, shimName)
		if dir == "" || !filepath.IsAbs(dir) || slices.Contains(seen, file) {
			continue
		}
		seen = append(seen, file)
		switch what, err := t.isShim(file); {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			foreign = append(foreign, fmt.Sprintf("%s is not it: %v", file, err))
		case what != "":
			foreign = append(foreign, fmt.Sprintf("%s is %s", file, what))
		default:
			for _, f := range foreign {
				t.notef("%s; the runtime gets %s", f, file)
			}
			return file, nil
		}
	}
	if len(foreign) > 0 {
		return "", fmt.Errorf("no shim of this runtime is beside %s or in PATH: %s; put the %s that was built with this runsc beside it",
			t.program, strings.Join(foreign, ", "), shimName)
	}
	return "", fmt.Errorf("no %s is beside %s or in PATH; put the one that was built with this runsc beside it", shimName, t.program)
}

// isShim returns what a program is if it is not our shim.
func (t *task) isShim(file string) (what string, err error) {
	info, err := os.Stat(file)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0 {
		return "", fmt.Errorf("mode %v: not a program", info.Mode())
	}
	build, err := buildinfo.ReadFile(file)
	switch {
	case err != nil:
		return "", fmt.Errorf("no Go program (%w)", err)
	case build.Path == engineShim:
		return "gVisor's own shim, which does not know the decisions of a pod", nil
	case build.Main.Path != shimModule:
		return fmt.Sprintf("of the module %q (package %q)", build.Main.Path, build.Path), nil
	}
	if theirs, ours := engineOf(build), engineOf(this()); theirs != ours && ours != "" {
		t.warnf("%s has another version of %s (%s) than this runsc (%s); build both from one checkout", file, engineMod, theirs, ours)
	}
	return "", nil
}

func this() *debug.BuildInfo {
	b, _ := debug.ReadBuildInfo()
	return b
}

// engineOf returns the version of the engine in a program.
func engineOf(b *debug.BuildInfo) string {
	if b == nil {
		return ""
	}
	for _, m := range b.Deps {
		if m.Path == engineMod {
			return m.Version
		}
	}
	return ""
}

var versionWord = regexp.MustCompile(`^v?([0-9]+)\.[0-9]+`)

// checkContainerd refuses a containerd that does not speak to the shim. One that
// is not in PATH is looked for by nobody else, so it is only a note.
func (t *task) checkContainerd() error {
	path, err := exec.LookPath("containerd")
	if err != nil {
		t.notef("containerd is not in PATH, so its version is not checked: the shim needs 2.0 or newer")
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, "--version").Output()
	if err != nil {
		t.notef("%s --version: %v; its version is not checked: the shim needs 2.0 or newer", path, err)
		return nil
	}
	for word := range bytes.FieldsSeq(out) {
		m := versionWord.FindSubmatch(word)
		if m == nil {
			continue
		}
		if major, err := strconv.Atoi(string(m[1])); err == nil && major < 2 {
			return fmt.Errorf("%s is version %s; the shim needs containerd 2.0 or newer. Update it; until then, \"ctr run --runtime io.containerd.runc.v2 --runc-binary %s\" works with it",
				path, word, t.program)
		}
		return nil
	}
	t.notef("%s --version prints %q, in which no version is found; the shim needs 2.0 or newer", path, bytes.TrimSpace(out))
	return nil
}
