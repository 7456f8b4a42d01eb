package gofer

import (
	"fmt"
	"strings"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// views are the mounts in the trees in which hooks see the connections.
type views struct {
	tops []*mountinfo.Info // by connection
	all  map[view]*mountinfo.Info
}

// view is files of a file system that a connection's tree shows. A mount ID says
// nothing: the kernel gives it to another mount when this one is gone, and a
// hook may move a mount that was there before.
type view struct {
	in           int // the connection
	major, minor int
	root         string // in the file system (proc_pid_mountinfo(5))
}

// look lists the views. shown are the connections' mounts.
func look(conns []connection, shown []int) (views, error) {
	ids := make([]int, len(shown))
	for i, fd := range shown {
		var st unix.Statx_t
		if err := unix.Statx(fd, "", unix.AT_EMPTY_PATH, unix.STATX_MNT_ID, &st); err != nil {
			return views{}, fmt.Errorf("looking at mount %q: %w", conns[i].path, err)
		}
		ids[i] = int(st.Mnt_id)
	}
	table, err := mountinfo.GetMounts(nil)
	if err != nil {
		return views{}, fmt.Errorf("listing mounts: %w", err)
	}
	v, missing := viewsOf(table, ids)
	if missing >= 0 {
		return v, fmt.Errorf("mount %q is gone (did a hook unmount it?)", conns[missing].path)
	}
	return v, nil
}

// viewsOf finds the views in a table of mounts. ids are of the connections'
// mounts; missing is a connection whose mount is not in the table, or -1.
func viewsOf(table []*mountinfo.Info, ids []int) (v views, missing int) {
	byID, at := make(map[int]*mountinfo.Info, len(table)), make(map[int]int, len(ids))
	for _, m := range table {
		byID[m.ID] = m
	}
	v = views{make([]*mountinfo.Info, len(ids)), map[view]*mountinfo.Info{}}
	for i, id := range ids {
		if v.tops[i] = byID[id]; v.tops[i] == nil {
			return v, i
		}
		at[id] = i
	}
	for _, m := range table {
		if i, ok := holder(m, byID, at); ok {
			v.all[view{i, m.Major, m.Minor, m.Root}] = m
		}
	}
	return v, -1
}

// checkViews fails where hooks mounted files of a connection that is not donated
// in one that is: who holds a directory of that one would get to them. What was
// in its tree before the hooks is known to the Plan. A hook may have moved what
// is mounted in the other one, so that only the look before has it.
func checkViews(conns []connection, before, now views) error {
	for v, m := range now.all {
		if _, ok := before.all[v]; ok || !conns[v.in].donate || covers(now.tops[v.in], m) {
			continue
		}
		for _, seen := range []views{before, now} {
			if off, ok := seen.sharing(conns, m); ok {
				return fmt.Errorf("a createContainer hook mounted files of mount %q at %q, in mount %q, and their decisions differ (%v and %v): give both the same hint, or change the hook",
					conns[off].path, m.Mountpoint, conns[v.in].path, conns[off].decision.Access, conns[v.in].decision.Access)
			}
		}
	}
	return nil
}

// sharing returns a connection that is not donated and shows files that m shows
// as well, in its own mount or in one below.
func (s views) sharing(conns []connection, m *mountinfo.Info) (off int, ok bool) {
	for v, o := range s.all {
		if !conns[v.in].donate && (covers(o, m) || covers(m, o)) {
			return v.in, true
		}
	}
	return 0, false
}

// holder returns the connection in whose tree a mount is.
func holder(m *mountinfo.Info, byID map[int]*mountinfo.Info, at map[int]int) (int, bool) {
	for range byID { // as deep as a tree can be
		if i, ok := at[m.ID]; ok {
			return i, true
		}
		parent, ok := byID[m.Parent]
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
