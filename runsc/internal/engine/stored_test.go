package engine_test

import (
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/engine"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"gvisor.dev/gvisor/runsc/config"
)

const (
	planKey    = "dev.gvisor.internal.directfs-plan"
	hintsKey   = "dev.gvisor.internal.directfs-hints"
	loweredKey = "dev.gvisor.internal.directfs-lowered"
)

func TestHideHints(t *testing.T) {
	user := map[string]string{
		"a":                               "1",
		"dev.gvisor.spec.rootfs.directfs": "on",
		"dev.gvisor.spec.mount.x.source":  "/x", "dev.gvisor.spec.mount.x.directfs": "off",
		"dev.gvisor.spec.mount.y.source": "/y", "dev.gvisor.spec.mount.y.type": "bind", "dev.gvisor.spec.mount.y.share": "pod", "dev.gvisor.spec.mount.y.directfs": "on",
	}
	options := []string{"ro", "directfs=on"}
	bundle := &specs.Spec{Annotations: maps.Clone(user), Mounts: []specs.Mount{{Destination: "/m0", Options: options}}}
	spec := *bundle
	show := engine.HideHints(&spec)
	if want := map[string]string{"a": "1", "dev.gvisor.spec.mount.y.source": "/y", "dev.gvisor.spec.mount.y.type": "bind", "dev.gvisor.spec.mount.y.share": "pod"}; !reflect.DeepEqual(spec.Annotations, want) {
		t.Errorf("the engine sees %v, want %v", spec.Annotations, want)
	}
	if got := spec.Mounts[0].Options; !slices.Equal(got, []string{"ro"}) {
		t.Errorf("the engine sees the options %v", got)
	}
	// The engine shows the map that it was given.
	seen := spec.Annotations
	show()
	if !reflect.DeepEqual(seen, user) {
		t.Errorf("hooks see %v, the user wrote %v", seen, user)
	}
	if !reflect.DeepEqual(bundle.Annotations, user) || !slices.Equal(options, []string{"ro", "directfs=on"}) {
		t.Error("HideHints wrote to the maps and lists of the caller's spec")
	}
}

func TestHideHintsOfNone(t *testing.T) {
	spec := &specs.Spec{}
	engine.HideHints(spec)()
	if spec.Annotations != nil {
		t.Errorf("a spec without annotations has %v", spec.Annotations)
	}
}

func TestLowerMember(t *testing.T) {
	p := planFor(t, directfspolicy.PodSandbox, true, directRoot, []want{directWant, lisafsWant})
	user := map[string]string{"a": "1", "dev.gvisor.spec.rootfs.directfs": "on", planKey: "{}", hintsKey: "{}"}
	spec := &specs.Spec{Annotations: user}
	undo, err := engine.LowerMember(&config.Config{}, spec, p)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"a": "1", "dev.gvisor.directfs-decisions": "/=directfs,shared /m0=directfs,shared /m1=lisafs,shared"}
	if !reflect.DeepEqual(spec.Annotations, want) {
		t.Errorf("the sandbox sees %v, want %v", spec.Annotations, want)
	}
	undo()
	if len(user) != 4 || !reflect.DeepEqual(spec.Annotations, user) {
		t.Errorf("put back %v", spec.Annotations)
	}
}

// storedByVersion2 is what earlier versions kept in a container's spec.
func storedByVersion2(t *testing.T, p directfspolicy.Plan) *specs.Spec {
	t.Helper()
	b, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	return &specs.Spec{Annotations: map[string]string{"a": "1", planKey: string(b), hintsKey: `{"dev.gvisor.spec.rootfs.directfs":"on"}`}}
}

func TestStoredPlan(t *testing.T) {
	p := planFor(t, directfspolicy.PodSandbox, true, directRoot, []want{directWant, lisafsWant})
	spec := storedByVersion2(t, p)
	if got, err := engine.StoredPlan(spec); err != nil || !reflect.DeepEqual(got, p) {
		t.Errorf("stored %v, read %v: %v", p, got, err)
	}
	pod, err := engine.StoredPodSpec(spec)
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"a": "1", "dev.gvisor.spec.rootfs.directfs": "on"} {
		if got := pod.Annotations[key]; got != want {
			t.Errorf("the pod's %s is %q, want %q", key, got, want)
		}
	}
	if pod, err := engine.StoredPodSpec(&specs.Spec{Annotations: map[string]string{"a": "1"}}); err != nil || pod.Annotations["a"] != "1" {
		t.Errorf("the pod's spec is %v, %v", pod, err)
	}
}

func TestStoredPlanErrors(t *testing.T) {
	p := planFor(t, directfspolicy.Standalone, false, lisafsRoot, nil)
	good := storedByVersion2(t, p)
	v := good.Annotations[planKey]
	edit := func(old, new string) string {
		t.Helper()
		if !strings.Contains(v, old) {
			t.Fatalf("no %s in %s", old, v)
		}
		return strings.Replace(v, old, new, 1)
	}
	for name, tt := range map[string]struct {
		value string
		err   error
	}{
		"other version": {edit(`"version":5`, `"version":1`), directfspolicy.ErrPlanVersion},
		"no version":    {edit(`"version":5,`, ``), directfspolicy.ErrPlanVersion},
		"null":          {`null`, directfspolicy.ErrPlanVersion},
		"reason":        {edit(`"reason":"hint-off"`, `"reason":"flag-on"`), directfspolicy.ErrInvalidPlan},
		"derived":       {edit(`"flag":false`, `"flag":false,"donations":["/"]`), directfspolicy.ErrInvalidPlan},
		"unknown field": {edit(`"version":5`, `"version":5,"x":1`), directfspolicy.ErrInvalidPlan},
	} {
		got, err := engine.StoredPlan(&specs.Spec{Annotations: map[string]string{planKey: tt.value}})
		if !errors.Is(err, tt.err) || !reflect.DeepEqual(got, directfspolicy.Plan{}) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	for _, a := range []map[string]string{nil, {}, {"a": "1"}} {
		if _, err := engine.StoredPlan(&specs.Spec{Annotations: a}); !errors.Is(err, engine.ErrNoPlan) {
			t.Errorf("%v: %v", a, err)
		}
	}
	for _, value := range []string{"", "{", "[]", `{"a":1}`} {
		if pod, err := engine.StoredPodSpec(&specs.Spec{Annotations: map[string]string{hintsKey: value}}); err == nil {
			t.Errorf("hints %q give %v", value, pod.Annotations)
		}
	}
}

func TestCheckBundle(t *testing.T) {
	for key, bad := range map[string]bool{
		planKey: true, hintsKey: true, loweredKey: true, "dev.gvisor.directfs-decisions": true,
		"dev.gvisor.internal.directfs-of-tomorrow":                    true,
		"dev.gvisor.spec.mount.directfs-policy-lisafs-shared.options": true,
		"dev.gvisor.spec.mount.data.directfs":                         false,
		"dev.gvisor.internal.other":                                   false,
	} {
		err := engine.CheckBundle(&specs.Spec{Annotations: map[string]string{key: ""}})
		if errors.Is(err, engine.ErrForgedPlan) != bad || (err == nil) == bad {
			t.Errorf("%s: %v", key, err)
		}
		if err != nil && !strings.Contains(err.Error(), key) {
			t.Errorf("%s is not named in: %v", key, err)
		}
	}
	mount := []specs.Mount{{Destination: "/d", Source: "/.directfs-policy/directfs/shared"}}
	if err := engine.CheckBundle(&specs.Spec{Mounts: mount}); err == nil {
		t.Error("a bundle can use a sentinel's source")
	}
	if err := engine.CheckBundle(&specs.Spec{Mounts: []specs.Mount{{Source: "/.directfs"}}}); err != nil {
		t.Error(err)
	}
	err := engine.CheckBundle(&specs.Spec{Mounts: mount, Annotations: map[string]string{planKey: "", hintsKey: ""}})
	if all := directfspolicy.Findings(err); len(all) != 3 {
		t.Errorf("%d findings, want 3: %v", len(all), err)
	}
}

func TestRestoreSources(t *testing.T) {
	before := []specs.Mount{{Source: "/a", Options: []string{"ro"}}, {Source: "/b"}, {Source: "/c"}}
	mounts := []specs.Mount{{Source: "/.directfs-policy/lisafs/shared", Options: []string{"ro"}}, {Source: "/b", Options: []string{"directfs"}}, {Source: "/c"}}
	if !engine.RestoreSources(mounts, before) {
		t.Error("nothing changed")
	}
	for i, m := range mounts {
		if m.Source != before[i].Source || len(m.Options) != len(before[i].Options) {
			t.Errorf("%+v became %+v", before[i], m)
		}
	}
	if engine.RestoreSources(mounts, before) {
		t.Error("restored twice")
	}
	extra := []specs.Mount{{Source: "/.directfs-policy/lisafs/shared"}}
	if engine.RestoreSources(extra, nil) || extra[0].Source == "" {
		t.Error("a mount that was not there before changed")
	}
}
