package verify

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/container"
	"gvisor.dev/gvisor/runsc/flag"
)

// found is a container in a state directory.
type found struct {
	root string
	id   container.FullID
}

func (f found) String() string { return fmt.Sprintf("%s in %s", f.id.ContainerID, f.root) }

// rootGiven says whether the user gave --root.
func rootGiven() bool {
	f := flag.Lookup("root")
	return f != nil && f.Value.String() != ""
}

// roots are patterns of the directories in which clients have a runtime keep
// its containers. The first one is the runtime's own, which podman uses, too.
// Directories of other users are not among them: what they write there must not
// be what root is told of a container.
func roots(own string) []string {
	all := []string{
		own,
		"/run/runsc",              // the default as root, whatever XDG_RUNTIME_DIR is
		"/run/docker/runtime-*/*", // docker: below its exec root, for each containerd namespace
		"/run/containerd/runc/*",  // containerd's runc shim, for each namespace
		"/run/containerd/runsc/*", // gVisor's shim, by Kubernetes or ctr
	}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		all = append(all, dir+"/runsc", dir+"/docker/runtime-*/*")
	}
	return all
}

// find finds a container by its id, or by a beginning of it that no other
// container's id has, in the first directory and those that match the patterns
// after it. Errors have exitUnknown.
func find(patterns []string, id string) (found, error) {
	all, err := list(patterns)
	if err != nil {
		return found{}, err
	}
	exact := slices.DeleteFunc(slices.Clone(all), func(f found) bool { return f.id.ContainerID != id })
	if len(exact) == 0 {
		exact = slices.DeleteFunc(all, func(f found) bool { return id == "" || !strings.HasPrefix(f.id.ContainerID, id) })
	}
	switch len(exact) {
	case 1:
		return exact[0], nil
	case 0:
		if len(patterns) == 1 {
			return found{}, fail(exitUnknown, "no container %q in %s", id, patterns[0])
		}
		return found{}, fail(exitUnknown, "no container %q; looked in %s; give its directory with --root, as its client does", id, strings.Join(unique(patterns), ", "))
	}
	var several []string
	advice := "give more of the id"
	for _, f := range exact {
		several = append(several, f.String())
		if f.root != exact[0].root {
			advice = "give more of the id, or the directory with --root"
		}
	}
	if exact[0].id.ContainerID == id {
		advice = "give the directory with --root"
	}
	return found{}, fail(exitUnknown, "%q is %d containers: %s; %s", id, len(several), strings.Join(several, ", "), advice)
}

// list lists the containers in the directories that match the patterns, each
// directory once, whatever links lead there.
func list(patterns []string) ([]found, error) {
	var all []found
	seen := map[string]bool{}
	for i, p := range patterns {
		dirs := []string{p} // the first one is no pattern
		if i > 0 {
			var err error
			if dirs, err = filepath.Glob(p); err != nil {
				return nil, fmt.Errorf("looking for containers in %s: %w", p, err)
			}
		}
		for _, dir := range dirs {
			real, err := filepath.EvalSymlinks(dir)
			if errors.Is(err, fs.ErrNotExist) || seen[real] {
				continue
			}
			if err != nil {
				return nil, fmt.Errorf("looking for containers: %w", err)
			}
			seen[real] = true
			ids, err := container.List(dir)
			if err != nil {
				return nil, fmt.Errorf("listing containers in %s: %w", dir, err)
			}
			for _, id := range ids {
				all = append(all, found{dir, id})
			}
		}
	}
	return all, nil
}

func unique(list []string) []string {
	var all []string
	for _, s := range list {
		if !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return all
}

// locate finds the container in the directory that --root names, or else
// wherever clients have theirs.
func locate(conf *config.Config, id string) (found, error) {
	if rootGiven() {
		return find([]string{conf.RootDir}, id)
	}
	f, err := find(roots(conf.RootDir), id)
	if elsewhere := rootsOfProcesses(id); err != nil && exitStatus(err) == exitUnknown && len(elsewhere) > 0 {
		return f, fail(exitUnknown, "%v; processes that call themselves its sandbox or gofer have --root=%s", err, strings.Join(elsewhere, ", --root="))
	}
	return f, err
}

// rootsOfProcesses are the directories that running sandboxes and gofers of
// containers whose ids begin so were given. It is advice, and nothing is looked for
// there unasked: a process can write to its own arguments.
func rootsOfProcesses(id string) []string {
	names, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	var all []string
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil || id == "" {
			continue // it is gone
		}
		if root := rootOf(strings.Split(strings.TrimRight(string(text), "\x00"), "\x00"), id); root != "" {
			all = append(all, root)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// rootOf is the directory among the arguments of a sandbox or gofer of the
// container, which may also be in the name of a file.
func rootOf(args []string, id string) string {
	if args[0] != "runsc-sandbox" && args[0] != "runsc-gofer" {
		return ""
	}
	root, named := "", false
	for _, a := range args[1:] {
		if dir, ok := strings.CutPrefix(a, "--root="); ok {
			root = dir
		}
		named = named || slices.ContainsFunc(strings.Split(a, "/"), func(part string) bool { return strings.HasPrefix(part, id) })
	}
	if !named || strings.ContainsFunc(root, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return ""
	}
	return root
}
