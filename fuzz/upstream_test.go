package fuzz

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/enginetest"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"gvisor.dev/gvisor/runsc/boot"
	"pgregory.net/rapid"
)

// verdict is what upstream does with a case, by its own parsers and options.
type verdict struct {
	enginetest.Container
	goferLisaFS bool // the gofer's filter has the LisaFS calls
	err         error
}

// upstream follows upstream's code paths on the raw specs: its client and
// sentry find mount hints in the spec of the pod's first container, its gofer
// in the container's own (engine-notes: "What is wrong there").
func upstream(c enginetest.Case, spec, pod *specs.Spec) (v verdict) {
	for _, s := range []*specs.Spec{spec, pod} {
		if _, err := enginetest.MountHints(s); err != nil {
			return verdict{err: err}
		}
		if _, err := boot.NewRootfsHint(s); err != nil {
			return verdict{err: err}
		}
	}
	confs, err := enginetest.GoferConfs(spec, pod, c.Conf.GetOverlay2())
	if err != nil {
		return verdict{err: err}
	}
	hints := c.Raw
	if c.Pod != nil {
		hints = c.Pod
	}
	v.Container, v.err = enginetest.Sandbox{
		Hints: hints, Spec: spec, Mounts: spec.Mounts, Confs: confs, Conf: &c.Conf, Accepts: enginetest.StockOptions,
	}.Read()
	own, _ := boot.NewPodMountHints(spec)
	rootfs, _ := boot.NewRootfsHint(spec)
	v.goferLisaFS = !c.Conf.DirectFS || enginetest.LisafsNeeded(spec, own, rootfs, confs)
	return v
}

// compare lists what differs. It knows no reasons: every difference is
// reported, and the list in differences_test.go must explain it.
func compare(c enginetest.Case) ([]observed, error) {
	spec, pod, err := c.Specs()
	if err != nil || c.EngineRefuses() {
		return nil, nil // neither takes it, with or without hints
	}
	plan, planErr := c.Plan()
	theirs := upstream(c, spec, pod)
	o := observed{c: c, spec: spec, pod: pod, plan: plan, planErr: planErr, theirs: theirs}
	switch {
	case planErr != nil && theirs.err != nil:
		return nil, nil
	case planErr != nil:
		return []observed{o.as(refusedHere)}, nil
	case theirs.err != nil:
		return []observed{o.as(refusedThere)}, nil
	}
	return compareAccepted(o)
}

func compareAccepted(o observed) (out []observed, err error) {
	flag := o.c.Conf.DirectFS
	ours := enginetest.Planned(o.plan)
	if len(ours.Mounts) != len(o.theirs.Mounts) {
		return nil, fmt.Errorf("%d mounts here, %d there", len(ours.Mounts), len(o.theirs.Mounts))
	}
	for i, d := range o.plan.Decisions() {
		here, there := ours.Rootfs, o.theirs.Rootfs
		if i > 0 {
			here, there = ours.Mounts[i-1], o.theirs.Mounts[i-1]
		}
		if here.Served != there.Served || here.ReadOnly != there.ReadOnly {
			return nil, fmt.Errorf("mount %d %q: here %v, there %v", i, d.Mount, here, there)
		}
		if !here.Served {
			continue
		}
		o.index, o.decision = i, d
		if here.Access != there.Access {
			out = append(out, o.as(access))
		}
		if here.Cache != there.Cache {
			out = append(out, o.as(cacheMode))
		}
		if d.Access == directfspolicy.DirectFS != flag {
			out = append(out, o.as(donation))
		}
	}
	if usesLisaFS(o.plan) != o.theirs.goferLisaFS {
		out = append(out, o.as(goferSet))
	}
	if o.c.Pod == nil && o.plan.Sandbox().Raised != flag {
		out = append(out, o.as(privileges))
	}
	if o.c.Pod == nil && o.plan.Sandbox().Raised && !o.plan.Sandbox().WritesHost {
		out = append(out, o.as(reading))
	}
	return out, nil
}

// checkAgainstUpstream is property 11. It returns the names of the intended
// differences that came up.
func checkAgainstUpstream(c enginetest.Case) ([]string, error) {
	var names []string
	found, err := compare(c)
	for _, o := range found {
		because := o.explain()
		if len(because) == 0 {
			err = errors.Join(err, fmt.Errorf("unintended difference: %v", o))
		}
		names = append(names, because...)
	}
	if err != nil {
		err = fmt.Errorf("%w\nspec: %s\npod: %s\nflag: %t", err, c.Raw, c.Pod, c.Conf.DirectFS)
	}
	return names, err
}

func propAgainstUpstream(t *rapid.T) {
	if _, err := checkAgainstUpstream(enginetest.DrawCase(t)); err != nil {
		t.Fatal(err)
	}
}

func TestAgainstUpstream(t *testing.T) { rapid.Check(t, propAgainstUpstream) }

func FuzzAgainstUpstream(f *testing.F) { fuzzProperty(f, propAgainstUpstream) }

// Every difference on the list is real: the generator comes upon it.
func TestDifferencesAreHit(t *testing.T) {
	hits := map[string]int{}
	gen := rapid.Custom(enginetest.DrawCase)
	for i := 0; i < 40_000 && len(hits) < len(differences); i++ {
		names, err := checkAgainstUpstream(gen.Example(i))
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range names {
			hits[n]++
		}
	}
	for _, d := range differences {
		if hits[d.name] == 0 {
			t.Errorf("%q never came up: no difference any more, or the generator does not draw it", d.name)
		}
	}
}

// The list is documented, row by row.
func TestDifferencesAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../docs/upstream-differences.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "| `") {
			rows++
		}
	}
	for _, d := range differences {
		if !strings.Contains(string(text), "| `"+d.name+"` |") {
			t.Errorf("docs/upstream-differences.md has no row for %q", d.name)
		}
	}
	if rows != len(differences) {
		t.Errorf("docs/upstream-differences.md has %d rows for %d differences", rows, len(differences))
	}
}
