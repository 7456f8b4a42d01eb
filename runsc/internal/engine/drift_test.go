package engine_test

import (
	"errors"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
	"github.com/directfs/runsc/runsc/enginetest"
	"github.com/directfs/runsc/runsc/internal/engine"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"gvisor.dev/gvisor/pkg/log"
	"gvisor.dev/gvisor/runsc/boot"
	"gvisor.dev/gvisor/runsc/specutils"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) {
	log.SetTarget(&log.MultiEmitter{}) // the engine's warnings are many
	engine.AcceptMountOptions()
	enginetest.RegisterGofers()
	os.Exit(m.Run())
}

// Property 10: what the engine's own code makes of a lowered Plan is the Plan.
func propReadBack(t *rapid.T) {
	c := enginetest.DrawCase(t)
	if err := c.ReadBack(); err != nil {
		t.Fatal(err)
	}
}

// The engine's client and ociconfig agree on who serves each mount.
func propServedIsLisafs(t *rapid.T) {
	c := enginetest.DrawCase(t)
	raw := c.Raw
	if c.Pod != nil {
		raw = c.Pod
	}
	spec, err := enginetest.ReadSpec(raw)
	if err != nil {
		t.Skip(err)
	}
	plan, err := ociconfig.Plan(spec, engine.Options(&c.Conf, nil))
	if err != nil {
		t.Skip(err)
	}
	// The raw spec but for the values that the engine does not know.
	seen := *spec
	seen.Annotations = ociconfig.StripAnnotations(spec.Annotations)
	confs, err := enginetest.GoferConfs(&seen, &seen, c.Conf.GetOverlay2())
	if err != nil {
		t.Skip(err)
	}
	checkServed(t, spec.Mounts, confs, plan)
}

func checkServed(t *rapid.T, mounts []specs.Mount, confs []specutils.GoferMountConf, plan directfspolicy.Plan) {
	served := func(d directfspolicy.Decision) bool { return d.Access != directfspolicy.NoAccess }
	if served(plan.Decisions()[0]) != confs[0].ShouldUseLisafs() {
		t.Fatalf("rootfs: plan %+v, engine %v", plan.Decisions()[0], confs[0])
	}
	next := 1
	for i, m := range mounts {
		lisafs := false
		if specutils.HasMountConfig(m) {
			lisafs = confs[next].ShouldUseLisafs()
			next++
		}
		if d := plan.Decisions()[i+1]; served(d) != lisafs {
			t.Fatalf("mount %+v: plan %+v, engine served by a gofer: %t", m, d, lisafs)
		}
	}
}

// The engine reads a container's scope as ociconfig does.
func propScope(t *rapid.T) {
	spec := &specs.Spec{Annotations: map[string]string{}}
	for _, key := range []string{specutils.ContainerdContainerTypeAnnotation, specutils.CRIOContainerTypeAnnotation} {
		if v := rapid.SampledFrom([]string{"-", "sandbox", "container", "Sandbox", ""}).Draw(t, key); v != "-" {
			spec.Annotations[key] = v
		}
	}
	want := map[specutils.ContainerType]directfspolicy.Scope{
		specutils.ContainerTypeUnspecified: directfspolicy.Standalone,
		specutils.ContainerTypeSandbox:     directfspolicy.PodSandbox,
		specutils.ContainerTypeContainer:   directfspolicy.PodMember,
	}
	scope, ok := want[specutils.SpecContainerType(spec)]
	got, err := ociconfig.Scope(spec)
	if ok != (err == nil) || got != scope || err != nil && !errors.Is(err, directfspolicy.ErrInvalidValue) {
		t.Fatalf("%v: %v, %v; the engine: %v", spec.Annotations, got, err, specutils.SpecContainerType(spec))
	}
}

func TestProperties(t *testing.T) {
	for name, prop := range map[string]func(*rapid.T){
		"10 read back":       propReadBack,
		"served is lisafs":   propServedIsLisafs,
		"scope":              propScope,
		"10 read back plans": propReadBackPlan,
	} {
		t.Run(name, rapid.MakeCheck(prop))
	}
}

// The generator is of use only if much of what it draws is accepted and every
// decision comes up.
func TestGeneratorReach(t *testing.T) {
	accepted, seen := 0, map[string]bool{}
	const n = 3000
	gen := rapid.Custom(enginetest.DrawCase)
	for i := range n {
		c := gen.Example(i)
		plan, err := c.Plan()
		if err != nil {
			continue
		}
		accepted++
		for j, d := range plan.Decisions() {
			where := "mount"
			if j == 0 {
				where = "rootfs"
			}
			if d.ServedByVolume() {
				seen["a volume with "+d.Access.String()] = true
			}
			seen[strings.Join([]string{plan.Container().Scope.String(), where, d.Access.String(), d.Cache.String(), d.WhyAccess.Reason()}, " ")] = true
		}
	}
	if accepted < 3*n/10 {
		t.Errorf("only %d of %d specs are accepted", accepted, n)
	}
	for _, want := range append(wantSeen(), "a volume with directfs", "a volume with lisafs") {
		if !seen[want] {
			t.Errorf("never drawn: %s", want)
		}
	}
}

func wantSeen() []string {
	var all []string
	for _, scope := range []string{"standalone", "pod-sandbox", "pod-member"} {
		for _, where := range []string{"rootfs", "mount"} {
			for _, cache := range []string{"shared", "exclusive"} {
				for r, access := range map[string]directfspolicy.Access{
					"flag-off": directfspolicy.LisaFS, "flag-on": directfspolicy.DirectFS,
					"hint-off": directfspolicy.LisaFS, "hint-on": directfspolicy.DirectFS,
				} {
					all = append(all, strings.Join([]string{scope, where, access.String(), cache, r}, " "))
				}
			}
		}
	}
	return all
}

// The hints that LowerSpec leaves are those of the sentinels and of nobody
// else, and no other hint suppresses anything.
func TestLoweredHints(t *testing.T) {
	raw := []byte(`{"annotations":{
		"dev.gvisor.spec.mount.a.source":"/a","dev.gvisor.spec.mount.a.type":"bind","dev.gvisor.spec.mount.a.share":"pod","dev.gvisor.spec.mount.a.directfs":"off",
		"dev.gvisor.spec.mount.b.source":"/a","dev.gvisor.spec.mount.b.directfs":"off"}}`)
	spec := mustLower(t, raw, directfspolicy.Plan{})
	hints, err := boot.NewPodMountHints(spec)
	if err != nil {
		t.Fatal(err)
	}
	var suppressed []string
	for _, h := range hints.Mounts {
		if h.SuppressDirectFS {
			suppressed = append(suppressed, h.Mount.Source)
		}
	}
	slices.Sort(suppressed)
	want := []string{"/.directfs-policy/lisafs/exclusive", "/.directfs-policy/lisafs/shared"}
	if !reflect.DeepEqual(suppressed, want) || len(hints.Mounts) != 5 {
		t.Fatalf("suppressed %v of %d hints, want %v of 5", suppressed, len(hints.Mounts), want)
	}
}
