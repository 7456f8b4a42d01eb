package gofer

import (
	"testing"

	"github.com/moby/sys/mountinfo"
)

// What hooks mounted is known by what it shows. The kernel may give it the ID of
// a mount that was there before and is gone, and it may be a mount that was
// there before, in another place.
func TestViewsOfHooks(t *testing.T) {
	mount := func(id, parent int, root string) *mountinfo.Info {
		return &mountinfo.Info{ID: id, Parent: parent, Major: 8, Minor: 1, Root: root}
	}
	const rootfs, off, host, moved = 30, 31, 20, 21
	conns := []connection{{path: "/", donate: true}, {path: "/off"}}
	before := []*mountinfo.Info{
		mount(host, 1, "/"), mount(moved, host, "/srv/off"), mount(22, host, "/elsewhere"),
		mount(rootfs, host, "/image"), mount(off, rootfs, "/srv/off"), mount(32, rootfs, "/srv/off/known"),
		mount(33, off, "/disk"),
	}
	for name, c := range map[string]struct {
		hook []*mountinfo.Info // instead of the one with its ID, or as well
		ok   bool
	}{
		"nothing":                  {nil, true},
		"files of it":              {[]*mountinfo.Info{mount(40, rootfs, "/srv/off")}, false},
		"with an ID of before":     {[]*mountinfo.Info{mount(22, rootfs, "/srv/off")}, false},
		"in a mount of the hook's": {[]*mountinfo.Info{mount(40, rootfs, "/other"), mount(22, 40, "/srv/off/sub")}, false},
		"moved from the host":      {[]*mountinfo.Info{mount(moved, rootfs, "/srv/off")}, false},
		"a directory above":        {[]*mountinfo.Info{mount(40, rootfs, "/srv")}, false},
		"of a mount in it":         {[]*mountinfo.Info{mount(40, rootfs, "/disk/sub")}, false},
		"above a mount in it":      {[]*mountinfo.Info{mount(40, rootfs, "/")}, false},
		"a mount moved out of it":  {[]*mountinfo.Info{mount(33, rootfs, "/disk")}, false},
		"of a hook's mount in it":  {[]*mountinfo.Info{mount(40, off, "/by-hook"), mount(41, rootfs, "/by-hook")}, false},
		"the same as before":       {[]*mountinfo.Info{mount(40, rootfs, "/srv/off/known")}, true},
		"in the off mount":         {[]*mountinfo.Info{mount(40, off, "/srv/off")}, true},
		"other files":              {[]*mountinfo.Info{mount(22, rootfs, "/srv/offside")}, true},
		"nowhere in the container": {[]*mountinfo.Info{mount(40, host, "/srv/off")}, true},
	} {
		after := append([]*mountinfo.Info{}, before...)
		for _, m := range c.hook {
			for i, old := range after {
				if old.ID == m.ID {
					after[i] = m
				}
			}
			after = append(after, m)
		}
		old, missing := viewsOf(before, []int{rootfs, off})
		now, gone := viewsOf(after, []int{rootfs, off})
		if missing >= 0 || gone >= 0 {
			t.Fatalf("%s: connection %d or %d is missing", name, missing, gone)
		}
		if err := checkViews(conns, old, now); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, missing := viewsOf(before, []int{rootfs, 99}); missing != 1 {
		t.Errorf("connection %d is missing, want 1", missing)
	}
}
