package ociconfig

import (
	"errors"
	"fmt"
	"path"
	"slices"

	"github.com/directfs/runsc/directfspolicy"
)

// Level says what a Finding means for the pod.
type Level string

const (
	// Refused: the pod, or one of its containers, will not start.
	Refused Level = "refused"

	// Warning: it will start, and not do what its annotations ask for.
	Warning Level = "warning"

	// Note: what will happen.
	Note Level = "note"
)

// Finding is one thing to know about a pod before it is created.
type Finding struct {
	Level Level
	Text  string
}

// CheckKubePod says what will become of the pod's hints: what the gVisor
// containerd shim makes of them, and what Plan then decides for each
// container. The options are those of the runtime, without a Pod. Of a pod
// whose volumes are not known it checks what the annotations alone tell.
func CheckKubePod(p KubePod, o Options) []Finding {
	c := kubeCheck{pod: p, o: o, seen: map[string]bool{}}
	for _, name := range p.typed() {
		c.typedName(name)
	}
	c.problems("pod", Problems(p.sandboxSpec(), o))
	if !p.known {
		c.add(Note, "the pod's volumes are not known from its annotations; give the whole Pod to see what each hint is for")
	}
	c.containers()
	rank := []Level{Refused, Warning, Note}
	slices.SortStableFunc(c.findings, func(a, b Finding) int {
		return slices.Index(rank, a.Level) - slices.Index(rank, b.Level)
	})
	return c.findings
}

type kubeCheck struct {
	pod      KubePod
	o        Options
	findings []Finding
	seen     map[string]bool // problems of the pod are problems of each container
}

func (c *kubeCheck) add(l Level, format string, args ...any) {
	c.findings = append(c.findings, Finding{l, fmt.Sprintf(format, args...)})
}

func (c *kubeCheck) refused() bool {
	return slices.ContainsFunc(c.findings, func(f Finding) bool { return f.Level == Refused })
}

// problems adds the reasons for which Plan refuses what is called where.
func (c *kubeCheck) problems(where string, errs []error) {
	for _, err := range errs {
		id := err.Error()
		var he *directfspolicy.HintError
		if errors.As(err, &he) {
			id = he.Key + ": " + he.Err.Error()
			if errors.Is(err, directfspolicy.ErrNoSource) {
				err = fmt.Errorf("%w; or add .type=bind to the name, from which the gVisor shim fills in the source of the pod's volume of that name", err)
			}
		}
		if !c.seen[id] {
			c.seen[id] = true
			c.add(Refused, "%s: %v", where, err)
		}
	}
}

// typedName checks a name for which the shim looks for a volume's directory.
func (c *kubeCheck) typedName(name string) {
	typeKey, sourceKey := mountPrefix+name+".type", mountPrefix+name+".source"
	typ := fmt.Sprintf("%s=%q", typeKey, c.pod.annotations[typeKey])
	if t := c.pod.annotations[typeKey]; t != "bind" && t != "tmpfs" {
		c.add(Warning, "%s: invalid value; allowed: bind, tmpfs; the gVisor shim gives it to every container's mount of the volume all the same", typ)
	}
	if s, ok := c.pod.annotations[sourceKey]; ok {
		c.replacedSource(name, fmt.Sprintf("%s=%q", sourceKey, s))
	}
	v, ok := c.pod.volume(name)
	switch {
	case !c.pod.known:
	case !ok && !slices.ContainsFunc(c.pod.volumes, kubeVolume.claimed):
		c.add(Refused, "pod: %s: the pod has no volume %q, and the gVisor shim refuses a pod in which it finds no directory of that name; write the name of a volume, or remove .type and give .source", typ, name)
	case !ok:
		c.add(Warning, "%s: the pod has no volume %q; unless that is the name of a PersistentVolume, the gVisor shim finds no directory and refuses the pod; write the name of a volume", typ, name)
	case v.HostPath != nil:
		c.add(Refused, "pod: %s: the volume is a hostPath, for which there is no directory of the pod, so the gVisor shim refuses the pod; remove .type and .share and set %s=%q", typ, sourceKey, v.HostPath.Path)
	case v.claimed():
		c.add(Refused, "pod: %s: the volume is a claim, and its directory has the name of the PersistentVolume: the gVisor shim finds none called %q and refuses the pod; remove .type, or name the PersistentVolume so", typ, name)
	case v.CSI != nil:
		c.add(Warning, "%s: the volume is mounted from a directory below the one that the gVisor shim fills in, so the hint finds no mount; use --directfs for the whole pod instead", typ)
	}
}

// replacedSource reports a source that the shim replaces. It does so for the
// pod's first container only; the others keep what they have, and of two
// sources for one hint neither wins.
func (c *kubeCheck) replacedSource(name, source string) {
	text := fmt.Sprintf("%s: because of .type the gVisor shim sets the source to the directory of the volume %q", source, name)
	if said, err := parseMountAnnotations(c.pod.annotations); err == nil && !said[name].hinted() {
		c.add(Warning, "%s; remove .type or .source", text)
		return
	}
	c.seen[mountPrefix+name+".source: "+directfspolicy.ErrConflict.Error()] = true
	c.add(Refused, "pod: %s, but not for the containers that join: they are refused because the two differ; remove .type or .source", text)
}

// containers resolves each container as it would join the pod's sandbox.
func (c *kubeCheck) containers() {
	if !c.pod.known {
		return
	}
	sandbox := c.pod.sandboxSpec()
	o := c.o
	o.Pod = sandbox
	plans := make([]directfspolicy.Plan, len(c.pod.containers))
	for i, ct := range c.pod.containers {
		spec := c.pod.containerSpec(ct)
		where := fmt.Sprintf("container %q", ct.Name)
		c.problems(where, Problems(spec, o))
		plans[i], _ = Plan(spec, o)
	}
	running, err := Plan(sandbox, c.o)
	if err != nil || c.refused() {
		return
	}
	for i, ct := range c.pod.containers {
		if err := running.Admit(plans[i]); err != nil {
			c.add(Refused, "container %q: %v", ct.Name, err)
			continue
		}
		for _, d := range plans[i].Decisions {
			c.decision(ct.Name, d)
		}
		c.coexist(i, plans)
	}
	unmatchedAnywhere(c, running.Unmatched, plans, func(p directfspolicy.Plan) []directfspolicy.Hint { return p.Unmatched })
	unmatchedAnywhere(c, running.UnmatchedCache, plans, func(p directfspolicy.Plan) []directfspolicy.CacheHint { return p.UnmatchedCache })
	c.subPaths()
}

func (c *kubeCheck) decision(container string, d directfspolicy.Decision) {
	cache := ""
	if d.CacheReason == directfspolicy.CacheByHint {
		cache = "; cache: " + d.WhyCache()
	}
	c.add(Note, "container %q: %s: %v, %s%s", container, d.Mount, d.Access, d.Why(), cache)
}

// coexist finds the containers that run when the one with the index starts and
// that it does not go together with.
func (c *kubeCheck) coexist(i int, plans []directfspolicy.Plan) {
	for j, before := range c.pod.containers[:i] {
		if before.ends {
			continue
		}
		if err := plans[i].Coexist(plans[j]); err != nil {
			c.add(Refused, "container %q beside container %q: %v", c.pod.containers[i].Name, before.Name, err)
		}
	}
}

// unmatchedAnywhere warns of hints that find no mount of any container. of are
// those that find none of one container.
func unmatchedAnywhere[H interface {
	comparable
	fmt.Stringer
}](c *kubeCheck, hints []H, plans []directfspolicy.Plan, of func(directfspolicy.Plan) []H) {
	for _, h := range hints {
		if !slices.ContainsFunc(plans, func(p directfspolicy.Plan) bool { return !slices.Contains(of(p), h) }) {
			c.add(Warning, "%s: the hint matches no mount of any container of the pod, so it changes nothing; make its source the source of a mount", h)
		}
	}
}

// subPaths warns of mounts that have a hint's volume but not its source.
func (c *kubeCheck) subPaths() {
	for _, ct := range c.pod.containers {
		for _, vm := range ct.VolumeMounts {
			for _, field := range []string{directfsKey, cacheKey} {
				key := mountPrefix + vm.Name + "." + field
				value, ok := c.pod.annotations[key]
				if ok && (vm.SubPath != "" || vm.SubPathExpr != "") {
					c.add(Warning, "%s=%q: not for container %q, mount %q: with a subPath its source is not the volume's directory; mount the whole volume", key, value, ct.Name, path.Clean(vm.MountPath))
				}
			}
		}
	}
}
