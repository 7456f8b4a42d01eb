package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/sys/mountinfo"
)

// Scope says whose leftovers are looked for. Machines are shared: everything
// outside the scope is somebody else's.
type Scope struct {
	// Dir is where the tests keep bundles and state. Processes with this path
	// in their arguments, mounts below it and files in it are ours.
	Dir string

	// IDPrefix starts the ids of all our containers. Cgroups with such names
	// are ours.
	IDPrefix string
}

// Snapshot is what there is in a scope at one moment.
type Snapshot struct {
	scope Scope

	// processes maps pids to command lines, the others are sets of paths.
	processes              map[int]string
	mounts, cgroups, files map[string]bool
}

// Snapshot takes stock.
func (s Scope) Snapshot() (Snapshot, error) {
	n := Snapshot{scope: s}
	var errs [4]error
	n.processes, errs[0] = s.listProcesses()
	n.mounts, errs[1] = s.listMounts()
	n.cgroups, errs[2] = s.listCgroups()
	n.files, errs[3] = listTree(s.Dir, func(string) bool { return true })
	return n, errors.Join(errs[:]...)
}

// cgroupLeak starts the line of Diff for a cgroup; its path follows.
const cgroupLeak = "cgroup "

// Diff returns what is there now and was not there before, one line for each
// thing, sorted. Processes get until the context's deadline to end by
// themselves: teardown may still be under way.
func (before Snapshot) Diff(ctx context.Context) ([]string, error) {
	var leaks []string
	running, err := before.scope.listProcesses()
	if err != nil {
		return nil, err
	}
	for pid, args := range running {
		if _, ok := before.processes[pid]; ok {
			continue
		}
		if err := waitGone(ctx, pid); errors.Is(err, context.DeadlineExceeded) {
			leaks = append(leaks, fmt.Sprintf("process %d: %s", pid, args))
		} else if err != nil {
			return nil, err
		}
	}
	now, err := before.scope.Snapshot()
	if err != nil {
		return nil, err
	}
	leaks = append(leaks, added("mount ", before.mounts, now.mounts)...)
	leaks = append(leaks, added(cgroupLeak, before.cgroups, now.cgroups)...)
	leaks = append(leaks, added("file ", before.files, now.files)...)
	slices.Sort(leaks)
	return leaks, nil
}

func added(kind string, before, now map[string]bool) []string {
	var new []string
	for path := range now {
		if !before[path] {
			new = append(new, kind+path)
		}
	}
	return new
}

// listProcesses finds processes that have the scope's directory among their
// arguments, as every sandbox, gofer and runsc of it has for --root, whatever
// they call themselves. Zombies have no arguments; they hold nothing but a pid.
func (s Scope) listProcesses() (map[int]string, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	found := map[int]string{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		args, err := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		if err == nil && bytes.Contains(args, []byte(s.Dir+"/")) {
			found[pid] = strings.TrimSpace(strings.ReplaceAll(string(args), "\x00", " "))
		}
	}
	return found, nil
}

// listMounts finds mount points below the directory (proc(5),
// /proc/pid/mountinfo).
func (s Scope) listMounts() (map[string]bool, error) {
	mounts, err := mountinfo.GetMounts(mountinfo.PrefixFilter(s.Dir))
	found := map[string]bool{}
	for _, m := range mounts {
		if m.Mountpoint != s.Dir {
			found[m.Mountpoint] = true
		}
	}
	return found, err
}

// listCgroups finds the cgroups of our containers in every hierarchy, of
// version 1 and 2 alike (cgroups(7)).
func (s Scope) listCgroups() (map[string]bool, error) {
	return listTree("/sys/fs/cgroup", func(path string) bool {
		return s.IDPrefix != "" && strings.HasPrefix(filepath.Base(path), s.IDPrefix)
	})
}

// listTree walks a tree that may change meanwhile. A root that does not exist
// has no files.
func listTree(root string, keep func(path string) bool) (map[string]bool, error) {
	found := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && path != root && keep(path) {
			found[path] = true
		}
		return err
	})
	return found, err
}
