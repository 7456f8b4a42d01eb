package kubepolicy

import (
	"errors"
	"fmt"
	"slices"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
	specs "github.com/opencontainers/runtime-spec/specs-go"
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

// Check says what will become of the pod's hints: what the containerd shim of
// this runtime makes of them, and what ociconfig.Plan then decides for each container.
// The options are those of the runtime, without a Pod. If the pod's volumes are
// not known, it checks what the annotations alone tell.
func Check(p Pod, o ociconfig.Options) []Finding { return check(p, o, true) }

// Problems is Check without notes, for who does not need them: they take a third
// of its time.
func Problems(p Pod, o ociconfig.Options) []Finding { return check(p, o, false) }

func check(p Pod, o ociconfig.Options, notes bool) []Finding {
	if f, tooMuch := p.tooMuch(); tooMuch {
		return []Finding{f}
	}
	p, lost := p.passed()
	c := newChecker(p, o)
	c.findings = lost
	for _, name := range p.typed() {
		c.typedName(name)
	}
	for _, name := range ociconfig.Unsourced(p.annotations) {
		c.untypedName(name)
	}
	sandbox := p.sandboxSpec()
	running, err := ociconfig.Plan(sandbox, c.o)
	c.problems("pod", err)
	if !p.known {
		if notes {
			c.add(Note, "the pod's volumes are not known from its annotations; give the whole Pod to see what each hint is for")
		}
		return c.sorted()
	}
	plans := c.containers(sandbox, running, err == nil)
	if c.refused() {
		return c.sorted()
	}
	if notes {
		c.decisions(plans)
	}
	c.unmatched(running, plans)
	return c.sorted()
}

type checker struct {
	pod      Pod
	o        ociconfig.Options
	findings []Finding
	seen     map[string]bool // problems of the pod are problems of each container
	pairs    int             // mounts that coexist has compared
	promise  []bool          // by container: see promises
}

func newChecker(p Pod, o ociconfig.Options) *checker {
	o.Sources = p.sources
	return &checker{pod: p, o: o, seen: map[string]bool{}}
}

// sorted returns the findings, the worst first.
func (c *checker) sorted() []Finding {
	rank := []Level{Refused, Warning, Note}
	slices.SortStableFunc(c.findings, func(a, b Finding) int {
		return slices.Index(rank, a.Level) - slices.Index(rank, b.Level)
	})
	return c.findings
}

func (c *checker) add(l Level, format string, args ...any) {
	c.findings = append(c.findings, Finding{l, fmt.Sprintf(format, args...)})
}

func (c *checker) refused() bool {
	return slices.ContainsFunc(c.findings, func(f Finding) bool { return f.Level == Refused })
}

// problems adds the reasons for which Plan refuses what is called where.
func (c *checker) problems(where string, err error) {
	for _, err := range directfspolicy.Findings(err) {
		id := where + ": " + err.Error()
		var he *directfspolicy.HintError
		if errors.As(err, &he) {
			id = he.Key + ": " + he.Err.Error()
		}
		if !c.seen[id] {
			c.seen[id] = true
			c.add(Refused, "%s: %v", where, err)
		}
	}
}

// typedName checks a name for which the shim looks for a volume's directory.
func (c *checker) typedName(name string) {
	typeKey, sourceKey := ociconfig.MountKey(name, "type"), ociconfig.MountKey(name, "source")
	typ := fmt.Sprintf("%s=%q", typeKey, c.pod.annotations[typeKey])
	if t := c.pod.annotations[typeKey]; t != "bind" && t != "tmpfs" {
		c.add(Warning, "%s: invalid value; allowed: bind, tmpfs; the shim gives it to every container's mount of the volume all the same", typ)
	}
	if s, ok := c.pod.annotations[sourceKey]; ok {
		c.replacedSource(name, fmt.Sprintf("%s=%q", sourceKey, s))
	}
	v, ok := c.pod.volumeOf(name)
	switch {
	case !c.pod.known:
	case !ok && !c.pod.claims:
		c.add(Refused, "pod: %s: the pod has no volume %q, and the shim refuses a pod in which it finds no directory of that name; write the name of a volume, or remove .type and give .source", typ, name)
	case !ok:
		c.add(Warning, "%s: the pod has no volume %q; unless that is the name of a PersistentVolume, the shim finds no directory and refuses the pod; write the name of a volume", typ, name)
	case v.HostPath != nil:
		c.add(Refused, "pod: %s: the volume is a hostPath, for which there is no directory of the pod, so the shim refuses the pod; remove .type and .share and set %s=%q", typ, sourceKey, v.HostPath.Path)
	case v.Image != nil:
		c.add(Refused, "pod: %s: the volume is an image, for which there is no directory of the pod, so the shim refuses the pod; remove the annotations of this name", typ)
	case !c.pod.mounted[name] && !c.pod.claims:
		c.add(Refused, "pod: %s: no container mounts the volume, so there is no directory of it, and the shim refuses the pod; mount the volume, or remove the annotations of this name", typ)
	default:
		c.claimed(typ, name, v)
	}
}

// untypedName checks a name of a hint for which the shim looks for a volume's
// directory, too. Where there is none, the runtime refuses the hint.
func (c *checker) untypedName(name string) {
	v, ok := c.pod.volumeOf(name)
	key := ociconfig.MountKey(name, "source")
	switch {
	case !c.pod.known:
	case ok:
		c.claimed(key, name, v)
	case c.pod.claims:
		c.add(Warning, "%s: the pod has no volume %q; unless that is the name of a PersistentVolume, the shim finds no directory and the hint is refused; write the name of a volume, or add the source", key, name)
	}
}

// claimed reports a volume whose directory has another name, or may have.
func (c *checker) claimed(key, name string, v volume) {
	switch {
	case v.Ephemeral != nil:
		c.add(Refused, "pod: %s: the volume is ephemeral, and its directory has the name of the PersistentVolume that is made for it: the shim finds none called %q, and the pod is refused; remove the annotations of this name", key, name)
	case v.Claim != nil:
		c.add(Warning, "%s: the volume is a claim, and its directory has the name of the PersistentVolume: unless that is %q too, the shim finds none and the pod is refused; write the PersistentVolume's name", key, name)
	}
}

// replacedSource reports a source that the shim replaces. It does so for the
// pod's first container only; the others keep what they have, and of two
// sources for one hint neither wins.
func (c *checker) replacedSource(name, source string) {
	text := fmt.Sprintf("%s: because of .type the shim sets the source to the directory of the volume %q", source, name)
	hinted := slices.ContainsFunc(directfspolicy.Knobs(), func(k directfspolicy.Knob) bool {
		_, ok := c.pod.annotations[ociconfig.MountKey(name, string(k))]
		return ok
	})
	if !hinted {
		c.add(Warning, "%s; remove .type or .source", text)
		return
	}
	c.seen[ociconfig.MountKey(name, "source")+": "+directfspolicy.ErrConflict.Error()] = true
	c.add(Refused, "pod: %s, but not for the containers that join: they are refused because the two differ; remove .type or .source", text)
}

// containers resolves each container as it would join the pod's sandbox, which
// has the spec and, if that is known, the plan. A container that is refused has
// the zero Plan.
func (c *checker) containers(sandbox *specs.Spec, running directfspolicy.Plan, known bool) []directfspolicy.Plan {
	o := c.o
	o.Pod = sandbox
	plans := make([]directfspolicy.Plan, len(c.pod.containers))
	c.promise = make([]bool, len(plans))
	for i, ct := range c.pod.containers {
		where := fmt.Sprintf("container %q", ct.Name)
		plan, err := ociconfig.Plan(c.pod.containerSpec(ct), o)
		if err == nil && known {
			err = ociconfig.Admit(running, plan)
		}
		c.problems(where, err)
		if err != nil {
			continue
		}
		plans[i], c.promise[i] = plan, promises(plan)
		if c.pairs <= maxPairs && !c.coexist(i, plans) {
			c.add(Refused, "pod: too large to check: containers with cache=exclusive are compared with every other, mount by mount; allowed: %d mounts in all pairs; split the pod, or remove the hint", maxPairs)
		}
	}
	return plans
}

func (c *checker) decisions(plans []directfspolicy.Plan) {
	for i, ct := range c.pod.containers {
		for _, d := range plans[i].Decisions() {
			if d.Mount == "/" || ct.mounts(d.Mount) {
				c.decision(ct.Name, d)
			}
		}
	}
}

func (c *checker) decision(container string, d directfspolicy.Decision) {
	cache := ""
	if _, hinted := d.WhyCache.Hint(); hinted {
		cache = "; cache: " + d.WhyCache.String()
	}
	gofer := ""
	if d.ServedByVolume() {
		gofer = "; gofer: " + d.WhyGofer.String()
	}
	c.add(Note, "container %q: %s: %v, %v%s%s", container, d.Mount, d.Access, d.WhyAccess, cache, gofer)
}

// coexist finds the containers that run when the one with the index starts and
// that it does not go together with. It returns false when that takes too long.
func (c *checker) coexist(i int, plans []directfspolicy.Plan) bool {
	name := c.pod.containers[i].Name
	for j, before := range c.pod.containers[:i] {
		if before.ends || !c.promise[i] && !c.promise[j] {
			continue
		}
		c.pairs += len(c.pod.containers[i].VolumeMounts) + len(before.VolumeMounts) + 1
		if c.pairs > maxPairs {
			return false
		}
		c.problems(fmt.Sprintf("container %q", name), plans[i].Coexist(name, plans[j], before.Name))
	}
	return true
}

// promises reports whether Coexist has anything to find: a hint by which nothing
// else changes the files of a mount.
func promises(p directfspolicy.Plan) bool {
	return slices.ContainsFunc(p.Decisions(), func(d directfspolicy.Decision) bool {
		_, hinted := d.WhyCache.Hint()
		return hinted && d.Cache == directfspolicy.CacheExclusive
	})
}

// unmatched warns of hints that find no mount of any container.
func (c *checker) unmatched(running directfspolicy.Plan, plans []directfspolicy.Plan) {
	missed := map[directfspolicy.Hint]int{}
	for _, p := range plans {
		for _, h := range p.Unmatched() {
			missed[h]++
		}
	}
	for _, h := range running.Unmatched() {
		if missed[h] == len(plans) {
			c.add(Warning, "%s: the hint matches no mount of any container of the pod, so it changes nothing; make its source the source of a mount", h)
		}
	}
}
