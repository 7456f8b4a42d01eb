package ociconfig_test

import (
	"errors"
	"maps"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

const volume = "dev.gvisor.spec.mount.vol."

func TestForShim(t *testing.T) {
	const kind = "io.kubernetes.cri.container-type"
	found := func(name string) (string, bool, error) { return "/pods/" + name, name != "absent", nil }
	sandbox := func(more ...string) map[string]string { return pairs(append(more, kind, "sandbox")...) }
	for name, tc := range map[string]struct{ in, want map[string]string }{
		"directfs alone":       {sandbox(volume+"directfs", "off"), sandbox(volume+"directfs", "off", volume+"source", "/pods/vol")},
		"cache alone":          {sandbox(volume+"cache", "shared"), sandbox(volume+"cache", "shared", volume+"source", "/pods/vol")},
		"gofer alone":          {sandbox(volume+"gofer", "b/v"), sandbox(volume+"gofer", "b/v", volume+"source", "/pods/vol")},
		"typed":                {sandbox(volume+"directfs", "off", volume+"type", "bind"), nil}, // gVisor's shim does it
		"sourced":              {sandbox(volume+"directfs", "off", volume+"source", "/s"), nil},
		"no hint":              {sandbox(volume+"share", "pod"), nil},
		"not a volume":         {sandbox("dev.gvisor.spec.mount.absent.directfs", "off"), nil},
		"a pattern":            {sandbox("dev.gvisor.spec.mount.*.directfs", "off"), nil},
		"a path":               {sandbox("dev.gvisor.spec.mount.a/b.directfs", "off"), nil},
		"member":               {pairs(volume+"directfs", "off", kind, "container"), nil},
		"standalone":           {pairs(), pairs(kind, "sandbox", "dev.gvisor.spec.standalone", "true")},
		"standalone, hinted":   {pairs(volume+"directfs", "off"), pairs(volume+"directfs", "off", kind, "sandbox", "dev.gvisor.spec.standalone", "true")},
		"a pod that says so":   {sandbox("dev.gvisor.spec.standalone", "true"), sandbox()},
		"a member that does":   {pairs("dev.gvisor.spec.standalone", "true", kind, "container"), pairs(kind, "container")},
		"another shim's words": {pairs("io.kubernetes.cri-o.ContainerType", "container"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			before := maps.Clone(tc.in)
			got, changed, err := ociconfig.ForShim(tc.in, found)
			want := tc.want
			if want == nil {
				want = tc.in
			}
			if err != nil || !maps.Equal(got, want) || changed != (tc.want != nil) {
				t.Errorf("got %v, %v, %v, want %v", got, changed, err, want)
			}
			if !maps.Equal(tc.in, before) {
				t.Errorf("the caller's map is %v now", tc.in)
			}
		})
	}
}

func TestForShimFails(t *testing.T) {
	broken := errors.New("broken")
	_, _, err := ociconfig.ForShim(pairs(volume+"cache", "shared", "io.kubernetes.cri.container-type", "sandbox"), func(string) (string, bool, error) { return "", false, broken })
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	var he *directfspolicy.HintError
	if _, _, err := ociconfig.ForShim(pairs("io.kubernetes.cri.container-type", "pod"), nil); !errors.As(err, &he) {
		t.Errorf("got %v", err)
	}
}

// What the shim is told is nothing that the runtime sees.
func TestFromShim(t *testing.T) {
	for name, annotations := range map[string]map[string]string{
		"none":  pairs(),
		"other": pairs("a", "b", volume+"directfs", "off"),
	} {
		changed, _, err := ociconfig.ForShim(annotations, nil)
		if err != nil {
			t.Fatal(err)
		}
		spec := &specs.Spec{Annotations: changed}
		ociconfig.FromShim(spec)
		if !maps.Equal(spec.Annotations, annotations) {
			t.Errorf("%s: got %v", name, spec.Annotations)
		}
	}
}

// A pod's author may write the annotation too. A container that joins a sandbox
// still does.
func TestFromShimForged(t *testing.T) {
	spec := &specs.Spec{Annotations: pairs("dev.gvisor.spec.standalone", "true", "io.kubernetes.cri.container-type", "container")}
	ociconfig.FromShim(spec)
	if s, err := ociconfig.Scope(spec); err != nil || s != directfspolicy.PodMember {
		t.Errorf("got %v, %v", s, err)
	}
}

func pairs(kv ...string) map[string]string {
	m := map[string]string{}
	for i := 0; i < len(kv); i += 2 {
		m[kv[i]] = kv[i+1]
	}
	return m
}
