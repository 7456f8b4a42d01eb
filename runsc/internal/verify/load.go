package verify

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/engine"
	"github.com/directfs/runsc/runsc/internal/isolation"
	"github.com/directfs/runsc/runsc/internal/statedir"
	"gvisor.dev/gvisor/runsc/container"
)

// member is a container of a sandbox with its stored Plan.
type member struct {
	*container.Container
	plan   directfspolicy.Plan
	mounts []mount
	gofer  gofer

	// label names the container where there are others, as its mounts do.
	label string

	// devices is the tree of the host devices, if the plan has them. surplus
	// are trees that nothing is served from.
	devices tree
	surplus []tree
}

// running reports whether the container's mounts are there.
func (m member) running() bool {
	return m.Status == container.Running || m.Status == container.Paused
}

// pod is a sandbox with its containers; a container that has a sandbox to
// itself is one as well.
type pod struct {
	first   member
	members []member // all that run, the first one included
}

// load returns the sandbox of a container, and the container.
func load(at found) (pod, member, error) {
	id := at.id.ContainerID
	ids, err := container.List(at.root)
	if err != nil {
		return pod{}, member{}, fmt.Errorf("listing containers in %s: %w", at.root, err)
	}
	p := pod{}
	for _, f := range ids {
		if f.SandboxID != at.id.SandboxID {
			continue
		}
		m, err := loadMember(at.root, f)
		if errors.Is(err, fs.ErrNotExist) && f.ContainerID != id {
			continue // deleted in the meantime
		}
		if err != nil {
			return pod{}, member{}, err
		}
		if m.running() {
			p.members = append(p.members, m)
		} else if m.ID == id {
			return pod{}, member{}, fail(exitNotRunning, "container %q is not running: it is %s", id, m.Status)
		}
		if f.ContainerID == f.SandboxID {
			p.first = m
		}
	}
	if p.first.Container == nil || !p.first.running() {
		return pod{}, member{}, fail(exitNotRunning, "the first container of sandbox %q is not running", at.id.SandboxID)
	}
	if len(p.members) == 1 {
		p.omitNames()
	}
	i := slices.IndexFunc(p.members, func(m member) bool { return m.ID == id })
	if i < 0 {
		return pod{}, member{}, fail(exitUnknown, "no container %q in %s: it was deleted", id, at.root)
	}
	return p, p.members[i], nil
}

// omitNames makes mounts go by their destinations alone.
func (p *pod) omitNames() {
	for i := range p.members {
		p.members[i].label = ""
		for j := range p.members[i].mounts {
			p.members[i].mounts[j].container = ""
		}
	}
}

func loadMember(root string, id container.FullID) (member, error) {
	c, err := container.Load(root, id, container.LoadOpts{Exact: true})
	if errors.Is(err, fs.ErrNotExist) {
		return member{}, fail(exitUnknown, "no container %q in %s: %w", id.ContainerID, root, err)
	}
	if err != nil {
		return member{}, fmt.Errorf("loading container %q: %w", id.ContainerID, err)
	}
	m := member{Container: c, label: c.ID}
	if !m.running() {
		return m, nil
	}
	if m.plan, err = statedir.LoadPlan(c); err != nil {
		return m, fail(exitNoPlan, "container %q: %w", c.ID, err)
	}
	if m.mounts, err = m.served(); err != nil {
		return m, fail(exitNoPlan, "container %q: stored spec: %w", c.ID, err)
	}
	if err := m.gofer.look(int(m.GoferPid.Load()), m.ID); err != nil {
		return m, fmt.Errorf("looking at the gofer of container %q: %w", c.ID, err)
	}
	m.pair()
	return m, nil
}

// served lists the connections of the container's gofer in its order: the
// rootfs, then the mounts.
func (m member) served() ([]mount, error) {
	decisions := m.plan.Decisions()
	if len(decisions) != len(m.Spec.Mounts)+1 {
		return nil, fmt.Errorf("%d mounts, and the plan has %d", len(m.Spec.Mounts), len(decisions)-1)
	}
	rootfs, err := engine.PairRootfs(m.GoferMountConfs, m.plan)
	if err != nil {
		return nil, err
	}
	// The engine stores a joining container's mounts with the symbolic links in
	// their destinations resolved (runsc/container/container.go:526).
	asked := slices.Clone(m.Spec.Mounts)
	for i := range asked {
		asked[i].Destination = decisions[i+1].Mount
	}
	pairs, err := engine.PairMounts(asked, m.GoferMountConfs, m.plan)
	if err != nil {
		return nil, err
	}
	var all []mount
	add := func(p engine.Pair, source string, a isolation.Attributes, err2 error) {
		if err = errors.Join(err, err2); p.Served {
			mt := mount{container: m.ID, decision: p.Decision, files: p.Decision, source: source, attributes: a}
			mt.look()
			all = append(all, mt)
		}
	}
	path := m.Spec.Root.Path
	if !filepath.IsAbs(path) {
		path = filepath.Join(m.BundleDir, path)
	}
	a, err2 := isolation.OfRootfs(m.Spec, rootfs.Overlay)
	add(rootfs, path, a, err2)
	for i, p := range pairs {
		a, err2 := isolation.OfMount(m.Spec.Mounts[i], p.Overlay)
		add(p, m.Spec.Mounts[i].Source, a, err2)
	}
	return all, err
}

// donatesDevices says whether the sandbox is given the directory of host
// devices, and it is known which one that is.
func (m member) donatesDevices() bool {
	return m.plan.DonatesDevices() && len(m.devices.mounts) > 0
}

// devicesName names the host devices as a mount would be.
func (m member) devicesName() string {
	return mount{container: m.label, decision: directfspolicy.Decision{Mount: "host devices"}}.String()
}

// mounts are the served mounts of all running containers.
func (p pod) mounts() []mount {
	var all []mount
	for _, m := range p.members {
		all = append(all, m.mounts...)
	}
	return all
}

// mountIDs are the mounts that directories are donated in, or nil if they are
// not all known.
func (p pod) mountIDs() map[uint64]bool {
	all := map[uint64]bool{}
	for _, m := range p.members {
		if m.gofer.err != nil || m.gofer.missing != "" && len(m.mounts) > 0 {
			return nil
		}
		for _, t := range m.gofer.trees {
			for _, o := range t.mounts {
				all[uint64(o.ID)] = true
			}
		}
	}
	return all
}
