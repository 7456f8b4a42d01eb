package verify

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/statedir"
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/container"
)

// member is a container of a sandbox with its stored Plan.
type member struct {
	*container.Container
	plan   directfspolicy.Plan
	mounts []mount
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

// load finds a container by its whole id and returns its sandbox and itself.
// A part of an id that other commands would take is no answer here to the
// question which container was verified.
func load(conf *config.Config, id string) (pod, member, error) {
	ids, err := container.List(conf.RootDir)
	if err != nil {
		return pod{}, member{}, fmt.Errorf("listing containers in %s: %w", conf.RootDir, err)
	}
	i := slices.IndexFunc(ids, func(f container.FullID) bool { return f.ContainerID == id })
	if i < 0 {
		return pod{}, member{}, fail(exitUnknown, "no container %q in %s", id, conf.RootDir)
	}
	p := pod{}
	for _, f := range ids {
		if f.SandboxID != ids[i].SandboxID {
			continue
		}
		m, err := loadMember(conf, f)
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
		return pod{}, member{}, fail(exitNotRunning, "the first container of sandbox %q is not running", ids[i].SandboxID)
	}
	if len(p.members) == 1 {
		p.omitNames()
	}
	i = slices.IndexFunc(p.members, func(m member) bool { return m.ID == id })
	return p, p.members[i], nil
}

// omitNames makes mounts go by their destinations alone.
func (p *pod) omitNames() {
	for i := range p.members {
		for j := range p.members[i].mounts {
			p.members[i].mounts[j].container = ""
		}
	}
}

func loadMember(conf *config.Config, id container.FullID) (member, error) {
	c, err := container.Load(conf.RootDir, id, container.LoadOpts{Exact: true})
	if errors.Is(err, fs.ErrNotExist) {
		return member{}, fail(exitUnknown, "no container %q in %s: %w", id.ContainerID, conf.RootDir, err)
	}
	if err != nil {
		return member{}, fmt.Errorf("loading container %q: %w", id.ContainerID, err)
	}
	m := member{Container: c}
	if !m.running() {
		return m, nil
	}
	if m.plan, err = statedir.LoadPlan(c); err != nil {
		return m, fail(exitNoPlan, "container %q: %w", c.ID, err)
	}
	m.mounts, err = m.served()
	return m, err
}

// served pairs the Plan's decisions with the sources in the stored spec. Both
// have the mounts in the same order.
func (m member) served() ([]mount, error) {
	rootfs := m.Spec.Root.Path
	if !filepath.IsAbs(rootfs) {
		rootfs = filepath.Join(m.BundleDir, rootfs)
	}
	var all []mount
	used := make([]bool, len(m.Spec.Mounts))
	for _, d := range m.plan.Decisions() {
		source := rootfs
		if d.Mount != "/" {
			i := 0
			for i < len(used) && (used[i] || path.Clean(m.Spec.Mounts[i].Destination) != d.Mount) {
				i++
			}
			if i == len(used) {
				return nil, fail(exitNoPlan, "container %q: the plan has mount %q, which the stored spec has not", m.ID, d.Mount)
			}
			used[i] = true
			source = m.Spec.Mounts[i].Source
		}
		if d.Access == directfspolicy.NoAccess {
			continue
		}
		mt := mount{container: m.ID, decision: d, source: source}
		mt.look()
		all = append(all, mt)
	}
	return all, nil
}

// mounts are the served mounts of all running containers.
func (p pod) mounts() []mount {
	var all []mount
	for _, m := range p.members {
		all = append(all, m.mounts...)
	}
	return all
}
