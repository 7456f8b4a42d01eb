package measure

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/directfs/runsc/benchmarks/workload"
)

// modules are of Python's library, with all that they import in turn: some 300
// files.
var modules = strings.Fields(`argparse asyncio calendar concurrent.futures configparser csv ctypes
	dataclasses decimal difflib email.message fractions ftplib http.client http.server imaplib inspect
	json logging.config multiprocessing.pool pickle smtplib statistics tarfile tempfile unittest
	urllib.request xml.dom.minidom xmlrpc.client zipfile`)

// FindTools looks for the host's toolchain and interpreter, and says in plain
// lines what is not there.
func FindTools(ctx context.Context) (t workload.Tools, missing []string) {
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		missing = append(missing, "compile: go is not installed: skipped")
	} else {
		t.GOROOT = strings.TrimSpace(string(root))
		t.Go = filepath.Join(t.GOROOT, "bin", "go")
	}
	if err := findPython(ctx, &t); err != nil {
		missing = append(missing, fmt.Sprintf("import: no usable python3 (%v): skipped", err))
	}
	return t, missing
}

// FindGit looks for the host's git, of which a container has all files by /usr.
func FindGit() (t workload.Tools, missing []string) {
	path, err := exec.LookPath("git")
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	if err != nil || !strings.HasPrefix(path, "/usr/") {
		return t, []string{workload.GitStatus + ": git is not installed below /usr: skipped"}
	}
	t.Git = path
	return t, nil
}

// findPython prefers the distribution's, whose files are all below /usr.
func findPython(ctx context.Context, t *workload.Tools) error {
	for _, name := range []string{"/usr/bin/python3", "/usr/local/bin/python3"} {
		path, err := filepath.EvalSymlinks(name)
		if err != nil {
			continue
		}
		cmd := exec.CommandContext(ctx, path, workload.ImportArgs(modules)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
			return fmt.Errorf("%s: %w: %s", path, err, lines[len(lines)-1])
		}
		t.Python, t.Modules = path, modules
		return nil
	}
	return fmt.Errorf("not installed below /usr")
}

// toolDirs returns the directories that the tools need mounted, outer ones
// first, and the symbolic links of the host's root that lead there.
func toolDirs(t workload.Tools) (dirs []string, links map[string]string, err error) {
	links = map[string]string{}
	if t.Python != "" || t.Git != "" {
		dirs = append(dirs, "/usr")
		for _, name := range []string{"lib", "lib32", "lib64"} {
			fi, err := os.Lstat("/" + name)
			switch {
			case err != nil:
			case fi.IsDir():
				dirs = append(dirs, "/"+name)
			default:
				if links[name], err = os.Readlink("/" + name); err != nil {
					return nil, nil, err
				}
			}
		}
	}
	if t.GOROOT != "" && !(slices.Contains(dirs, "/usr") && strings.HasPrefix(t.GOROOT, "/usr/")) {
		dirs = append(dirs, t.GOROOT)
	}
	return dirs, links, nil
}

// SkipMissing leaves out what the machine has no program for, and returns plain
// lines about it.
func (o *OverlayOptions) SkipMissing() (skipped []string) {
	o.Configs = slices.DeleteFunc(slices.Clone(o.Configs), func(c OverlayConfig) bool {
		missing := c.Kind == Runc && o.Programs.Runc == ""
		if missing {
			skipped = append(skipped, noRunc)
		}
		return missing
	})
	return skipped
}

const noRunc = "runc: not installed: skipped"

// SkipMissing leaves out what the machine has no program for, and returns plain
// lines about it.
func (o *Options) SkipMissing() (skipped []string) {
	o.Configs = slices.DeleteFunc(slices.Clone(o.Configs), func(c Config) bool {
		missing := c.Kind == Runc && o.Programs.Runc == ""
		if missing {
			skipped = append(skipped, noRunc)
		}
		return missing
	})
	o.Workloads = slices.DeleteFunc(slices.Clone(o.Workloads), func(w workload.Workload) bool {
		return w.Tool == workload.ToolGo && o.Tools.Go == "" || w.Tool == workload.ToolPython && o.Tools.Python == "" || w.Tool == workload.ToolGit && o.Tools.Git == ""
	})
	return skipped
}
