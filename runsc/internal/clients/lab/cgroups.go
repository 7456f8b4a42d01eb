package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/moby/sys/mountinfo"
)

const cgroupRoot = "/sys/fs/cgroup"

// groupsEnv has a line for each hierarchy: its mount point, the options of its
// mount, and the machine's cgroup in it.
const groupsEnv = "RUNSC_CLIENTS_CGROUPS"

// hierarchy is one of version 1, or the one of version 2.
type hierarchy struct{ point, kind, options, group string }

type hierarchies []hierarchy

func (h hierarchies) env() []string {
	var lines []string
	for _, one := range h {
		lines = append(lines, strings.Join([]string{one.point, one.kind, one.options, one.group}, "\t"))
	}
	return []string{groupsEnv + "=" + strings.Join(lines, "\n")}
}

func hierarchiesFromEnv() hierarchies {
	var all hierarchies
	for line := range strings.SplitSeq(os.Getenv(groupsEnv), "\n") {
		if f := strings.Split(line, "\t"); len(f) == 4 {
			all = append(all, hierarchy{f[0], f[1], f[2], f[3]})
		}
	}
	return all
}

// cgroupsNamed are the cgroups with the name in every hierarchy, below that of
// this process, whether they are there or not.
func cgroupsNamed(name string) (hierarchies, error) {
	own, err := ownCgroups()
	if err != nil {
		return nil, err
	}
	mounts, err := mountinfo.GetMounts(mountinfo.FSTypeFilter("cgroup", "cgroup2"))
	if err != nil {
		return nil, err
	}
	var all hierarchies
	for _, m := range mounts {
		h := hierarchy{point: m.Mountpoint, kind: m.FSType}
		path := own[""]
		if m.FSType == "cgroup" {
			h.options = controllers(m.VFSOptions)
			path = own[strings.TrimPrefix(h.options, "none,")]
		}
		h.group = filepath.Join(m.Mountpoint, path, name)
		// In a machine, its mounts hide the host's.
		if !slices.ContainsFunc(all, func(o hierarchy) bool { return o.group == h.group }) {
			all = append(all, h)
		}
	}
	return all, nil
}

// makeCgroups makes a cgroup for the machine in every hierarchy.
func makeCgroups(name string) (hierarchies, error) {
	all, err := cgroupsNamed(name)
	if err != nil {
		return nil, err
	}
	for i, h := range all {
		if err := os.Mkdir(h.group, 0o755); err != nil {
			return all[:i], fmt.Errorf("a cgroup for the tests: %w", err)
		}
		for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
			if err := inherit(h, file); err != nil {
				return all[:i+1], err
			}
		}
	}
	return all, nil
}

// controllers are the options of a mount that say which hierarchy it is.
func controllers(options string) string {
	var kept []string
	for o := range strings.SplitSeq(options, ",") {
		if strings.HasPrefix(o, "name=") {
			return "none," + o
		}
		if o != "rw" && o != "ro" && o != "xattr" && o != "clone_children" && !strings.HasPrefix(o, "release_agent=") {
			kept = append(kept, o)
		}
	}
	return strings.Join(kept, ",")
}

// inherit copies what a new cgroup of version 1 lacks, and no process can be in
// it without (cpusets(7)).
func inherit(h hierarchy, file string) error {
	if h.kind != "cgroup" {
		return nil
	}
	value, err := os.ReadFile(filepath.Join(filepath.Dir(h.group), file))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(h.group, file), value, 0o644)
}

// ownCgroups maps controllers to this process's cgroup (cgroups(7)).
func ownCgroups() (map[string]string, error) {
	text, err := os.ReadFile("/proc/self/cgroup")
	own := map[string]string{}
	for line := range strings.SplitSeq(strings.TrimSpace(string(text)), "\n") {
		if f := strings.SplitN(line, ":", 3); len(f) == 3 {
			own[f[1]] = f[2]
		}
	}
	return own, err
}

// enterCgroups moves this process to the machine's cgroups and makes them the
// roots of what it sees.
func enterCgroups() error {
	for _, h := range hierarchiesFromEnv() {
		if err := os.WriteFile(filepath.Join(h.group, "cgroup.procs"), []byte("0"), 0o644); err != nil {
			return fmt.Errorf("entering a cgroup: %w", err)
		}
	}
	if err := unix.Unshare(unix.CLONE_NEWCGROUP); err != nil {
		return fmt.Errorf("a new cgroup namespace: %w", err)
	}
	return nil
}

// mountCgroups mounts the hierarchies in the new /sys, as the host has them.
func mountCgroups() error {
	all := hierarchiesFromEnv()
	if len(all) != 1 || all[0].point != cgroupRoot {
		if err := mount("tmpfs", cgroupRoot, "mode=0755"); err != nil {
			return err
		}
	}
	for _, h := range all {
		if err := os.MkdirAll(h.point, 0o755); err != nil {
			return err
		}
		if err := mount(h.kind, h.point, h.options); err != nil {
			return err
		}
	}
	return nil
}

// remove removes the machine's cgroups, after its last process has ended.
func (h hierarchies) remove() error {
	var errs []error
	for _, one := range h {
		var dirs []string
		errs = append(errs, filepath.WalkDir(one.group, func(path string, e fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err == nil && e.IsDir() {
				dirs = append(dirs, path)
			}
			return err
		}))
		for i := len(dirs) - 1; i >= 0; i-- {
			errs = append(errs, os.Remove(dirs[i]))
		}
	}
	return errors.Join(errs...)
}
