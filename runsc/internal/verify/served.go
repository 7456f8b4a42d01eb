package verify

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/directfs/runsc/runsc/internal/isolation"
	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/runsc/config"
)

// gofer is the gofer process of a container and what it serves from.
type gofer struct {
	process

	// missing says in what way the process is not there, if it is not.
	missing string

	// trees are those of the donated directories, root what is mounted in the
	// process's own root. They are known if err is nil.
	trees []tree
	root  []*mountinfo.Info
	err   error
}

// look looks at the gofer of a container. It returns the error that says that
// the process cannot be looked at at all.
func (g *gofer) look(pid int, id string) error {
	p, err := readProcess(pid)
	switch {
	case pid == 0 || gone(err):
		g.missing = "gone"
		return nil
	case err != nil:
		return err
	case !slices.Contains(p.args, "gofer") || !slices.Contains(p.args, id):
		g.missing = fmt.Sprintf("gone: process %d is %q", pid, p.args)
		return nil
	}
	g.process = p
	if g.root, g.err = readMounts(unix.AT_FDCWD, fmt.Sprintf("/proc/%d/mountinfo", pid)); g.err == nil {
		g.trees, g.err = readTrees(pid)
	}
	return nil
}

// placed is the tree of the mount with the name in the gofer's root.
func (g gofer) placed(name string) tree {
	var t tree
	top := "/" + name
	for _, m := range g.root {
		if m.Mountpoint == top || strings.HasPrefix(m.Mountpoint, top+"/") {
			t.mounts = append(t.mounts, m)
		}
	}
	slices.SortStableFunc(t.mounts, func(a, b *mountinfo.Info) int { return len(a.Mountpoint) - len(b.Mountpoint) })
	if len(t.mounts) > 0 {
		// What is gone by now is no file of the mount's source either.
		t.id, _ = identify(fmt.Sprintf("/proc/%d/root%s", g.pid, top))
	}
	return t
}

// passesDevices says whether the device policy lets devices among the files of
// mounts through.
func (g gofer) passesDevices() bool {
	var policy config.CharacterDevicePolicy
	value := g.flagValue("character-device-policy")
	return value != "" && policy.Set(value) == nil && policy.AllowsPassthrough()
}

// pair gives every connection of the container's gofer its tree. Directories
// that are donated have theirs in the order of the connections; everything else
// is in the gofer's root under its number.
func (m *member) pair() {
	left := m.gofer.trees
	next := func() (t tree) {
		if len(left) > 0 {
			t, left = left[0], left[1:]
		}
		return t
	}
	for i := range m.mounts {
		mt := &m.mounts[i]
		if mt.tree = m.gofer.placed(mt.place(i)); mt.direct() && len(mt.tree.mounts) == 0 {
			mt.tree = next()
		}
		switch {
		case mt.decision.ServedByVolume():
			mt.id = mt.tree.id // whatever directory the volume donated, or none
		case mt.isOverlay(), mt.isReport():
			mt.lookAtOverlay(m.gofer)
		}
	}
	for i := range m.mounts {
		m.hide(i)
	}
	switch {
	case m.plan.DonatesDevices():
		m.devices = next()
	case m.plan.Container().HostDevices:
		m.devices = m.gofer.placed(itoa(len(m.mounts)))
	}
	m.surplus = left
}

// hide makes a mount that another one at the same place hides be about that
// one's files, which the gofer serves for both (package layout).
func (m member) hide(number int) {
	mt := &m.mounts[number]
	if mt.err != nil {
		return
	}
	for i := len(m.mounts) - 1; i > number; i-- {
		o := m.mounts[i]
		if o.err == nil && o.id == mt.tree.id && o.decision.Access == mt.decision.Access && (mt.id != o.id || m.together(*mt, o)) {
			mt.id, mt.directory, mt.source, mt.files = o.id, o.directory, o.source, o.files
			mt.attributes.ReadOnly, mt.attributes.Follows = o.attributes.ReadOnly, o.attributes.Follows
			return
		}
	}
}

// together reports whether two mounts of the same files are at one place. By
// the files that are served nobody can tell.
func (m member) together(a, b mount) bool {
	return a.decision.Mount == b.decision.Mount || m.resolved(a.decision.Mount) == m.resolved(b.decision.Mount)
}

// servedRows compares the attributes of everything that the gofer serves.
func (r *Report) servedRows(m member) {
	if m.gofer.missing != "" {
		return // the row on the process says so
	}
	for _, mt := range m.mounts {
		if mt.virtual() {
			r.other(CheckMounts, mt.decision.Mount+" served by", "volume "+mt.decision.Gofer.String())
			continue
		}
		item := mt.decision.Mount + " attributes"
		e := expected{Attributes: mt.attributes}
		e.Devices = m.gofer.passesDevices()
		err := m.gofer.err
		if err == nil && e.Follows {
			e.root, err = mt.followed()
		}
		if err != nil {
			r.unverified(CheckMounts, item, e.String(), "unknown", err.Error())
			continue
		}
		r.attributes(item, e, mt.tree)
		if len(mt.tree.mounts) > 0 && mt.err == nil && mt.tree.id != mt.id {
			r.add(Row{Check: CheckMounts, Item: mt.decision.Mount + " files", Planned: mt.source, Actual: "another file or directory",
				Verdict: Differs, Detail: elsewhere(m.gofer.process.pid)})
		}
		r.overlayRows(mt)
	}
	if m.plan.Container().HostDevices && m.gofer.err == nil {
		r.attributes("host devices attributes", expected{Attributes: isolation.Attributes{Devices: true}}, m.devices)
		r.deviceRow(m)
	}
	if n := len(m.surplus); n > 0 {
		r.judge(CheckMounts, "other trees", "none", strconv.Itoa(n), false)
	}
}

// followed is the propagation that the copy of a mount has which follows the
// host: it hears of what the host mounts in its source, if the host shares that.
func (m mount) followed() (propagation, error) {
	if m.err != nil {
		return propagation{}, m.err
	}
	if len(m.tree.mounts) == 0 || overlay(m.files) != nil {
		return propagation{}, nil // an overlay is mounted for the container alone
	}
	here, err := lookAt(unix.AT_FDCWD, m.source, 0)
	if err != nil {
		return propagation{}, err
	}
	table, err := readMounts(unix.AT_FDCWD, "/proc/self/mountinfo")
	if err != nil {
		return propagation{}, err
	}
	byID := map[int]*mountinfo.Info{}
	for _, o := range table {
		byID[o.ID] = o
	}
	// The host may have mounted something over the source meanwhile.
	top, copied := byID[int(here.mount)], m.tree.mounts[0]
	for o := top; o != nil && o.Mountpoint == top.Mountpoint; o = byID[o.Parent] {
		if o.Major == copied.Major && o.Minor == copied.Minor {
			p, err := propagationOf(o)
			return p.copied(), err
		}
		if o.ID == o.Parent {
			break
		}
	}
	return propagation{}, errors.New("the mount that the source is on is not in this process's mount table")
}

// deviceRow expects no device among the host devices but those of the spec.
func (r *Report) deviceRow(m member) {
	var planned, actual []string
	if m.Spec.Linux != nil {
		for _, d := range m.Spec.Linux.Devices {
			planned = append(planned, d.Path)
		}
	}
	right := true
	for i, mt := range m.devices.mounts {
		if i == 0 {
			continue
		}
		path := "/dev" + strings.TrimPrefix(mt.Mountpoint, m.devices.mounts[0].Mountpoint)
		actual = append(actual, path)
		right = right && slices.Contains(planned, path)
	}
	r.judge(CheckMounts, "host devices", "at most "+listOr(planned, "none"), listOr(actual, "none"), right)
}
