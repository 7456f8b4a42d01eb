package gofer

import (
	"fmt"
	"strings"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// mountsNow returns the mounts of the process's mount namespace by their IDs.
func mountsNow() (map[int]*mountinfo.Info, error) {
	list, err := mountinfo.GetMounts(nil)
	if err != nil {
		return nil, fmt.Errorf("listing mounts: %w", err)
	}
	mounts := make(map[int]*mountinfo.Info, len(list))
	for _, m := range list {
		mounts[m.ID] = m
	}
	return mounts, nil
}

// checkViews fails where hooks mounted files of a connection that is not donated
// in one that is: who holds a directory of that one would get to them. before
// are the mounts that were there before the hooks, shown those in which the
// hooks saw the connections.
func checkViews(conns []connection, shown []int, before map[int]*mountinfo.Info) error {
	now, err := mountsNow()
	if err != nil {
		return err
	}
	at := make(map[int]int, len(shown)) // ID -> connection
	tops := make([]*mountinfo.Info, len(shown))
	for i, fd := range shown {
		var st unix.Statx_t
		if err := unix.Statx(fd, "", unix.AT_EMPTY_PATH, unix.STATX_MNT_ID, &st); err != nil {
			return fmt.Errorf("looking at mount %q: %w", conns[i].path, err)
		}
		top, ok := now[int(st.Mnt_id)]
		if !ok {
			return fmt.Errorf("mount %q is gone (did a hook unmount it?)", conns[i].path)
		}
		at[top.ID], tops[i] = i, top
	}
	for id, m := range now {
		if _, ok := before[id]; ok {
			continue
		}
		in, ok := holder(m, now, at)
		if !ok || !conns[in].donate || covers(tops[in], m) {
			continue
		}
		for i := range conns {
			if !conns[i].donate && covers(tops[i], m) {
				return fmt.Errorf("a createContainer hook mounted files of mount %q at %q, in mount %q, and their decisions differ (%v and %v): give both the same hint, or change the hook",
					conns[i].path, m.Mountpoint, conns[in].path, conns[i].decision.Access, conns[in].decision.Access)
			}
		}
	}
	return nil
}

// holder returns the connection in whose tree a mount is.
func holder(m *mountinfo.Info, now map[int]*mountinfo.Info, at map[int]int) (int, bool) {
	for range now { // as deep as a tree can be
		if i, ok := at[m.ID]; ok {
			return i, true
		}
		parent, ok := now[m.Parent]
		if !ok {
			break
		}
		m = parent
	}
	return 0, false
}

// covers reports whether m shows files that outer has as well, as far as their
// roots in the file system tell (proc_pid_mountinfo(5)).
func covers(outer, m *mountinfo.Info) bool {
	return outer.Major == m.Major && outer.Minor == m.Minor &&
		(m.Root == outer.Root || strings.HasPrefix(m.Root, strings.TrimSuffix(outer.Root, "/")+"/"))
}
