package engine_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/enginetest"
	"github.com/directfs/runsc/runsc/internal/engine"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"gvisor.dev/gvisor/pkg/sentry/fsimpl/gofer"
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/specutils"
	"pgregory.net/rapid"
)

var (
	accesses = []directfspolicy.Access{directfspolicy.LisaFS, directfspolicy.DirectFS, directfspolicy.NoAccess}
	caches   = []directfspolicy.Cache{directfspolicy.CacheShared, directfspolicy.CacheExclusive}
	scopes   = []directfspolicy.Scope{directfspolicy.Standalone, directfspolicy.PodSandbox, directfspolicy.PodMember}
	lisafs   = specutils.GoferMountConf{Lower: specutils.Lisafs}
	erofs    = specutils.GoferMountConf{Lower: specutils.Erofs}
)

// mountFor is a request for exactly the access and cache mode. All mounts but
// the rootfs are read-only, as specFor has them.
func mountFor(dest string, a directfspolicy.Access, c directfspolicy.Cache) directfspolicy.Mount {
	m := directfspolicy.Mount{Destination: dest, Backend: directfspolicy.StockGofer, Cache: c, ReadOnly: dest != "/"}
	switch a {
	case directfspolicy.DirectFS:
		m.Hints = []directfspolicy.Hint{{Knob: directfspolicy.DirectFSKnob, Key: "k", Setting: directfspolicy.On}}
	case directfspolicy.LisaFS:
		m.Hints = []directfspolicy.Hint{{Knob: directfspolicy.DirectFSKnob, Key: "k", Setting: directfspolicy.Off}}
	case directfspolicy.NoAccess:
		m.Backend = directfspolicy.NoGofer
	}
	return m
}

// want is one mount of a plan.
type want struct {
	access directfspolicy.Access
	cache  directfspolicy.Cache
}

func planFor(t rapid.TB, scope directfspolicy.Scope, flag bool, root want, mounts []want) directfspolicy.Plan {
	t.Helper()
	r := directfspolicy.Request{Container: directfspolicy.Container{Flag: flag, Scope: scope}, Rootfs: mountFor("/", root.access, root.cache)}
	for i, m := range mounts {
		r.Mounts = append(r.Mounts, mountFor(fmt.Sprintf("/m%d", i), m.access, m.cache))
	}
	p, err := directfspolicy.Resolve(r)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// specFor has the mounts that the plan decides, and the configuration with
// which the engine's client would start the container.
func specFor(p directfspolicy.Plan, rootCache, mountCache directfspolicy.Cache) (*specs.Spec, []specutils.GoferMountConf, *config.Config) {
	spec := &specs.Spec{Root: &specs.Root{Path: "/r"}}
	confs := []specutils.GoferMountConf{lisafs}
	if p.Decisions()[0].Access == directfspolicy.NoAccess {
		confs[0] = erofs
	}
	for _, d := range p.Decisions()[1:] {
		spec.Mounts = append(spec.Mounts, specs.Mount{Destination: d.Mount, Type: "bind", Source: "/host" + d.Mount, Options: []string{"ro"}})
		c := lisafs
		if d.Access == directfspolicy.NoAccess {
			c = specutils.GoferMountConf{Lower: specutils.NoneLower, Upper: specutils.MemoryOverlay}
		}
		confs = append(confs, c)
	}
	conf := &config.Config{FileAccess: fileAccess(rootCache), FileAccessMounts: fileAccess(mountCache)}
	return spec, confs, conf
}

func fileAccess(c directfspolicy.Cache) config.FileAccessType {
	if c == directfspolicy.CacheExclusive {
		return config.FileAccessExclusive
	}
	return config.FileAccessShared
}

// lowered is the JSON that the sandbox process of p reads as its spec.
func lowered(t rapid.TB, spec *specs.Spec, p directfspolicy.Plan) []byte {
	t.Helper()
	raw, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	low, _, err := engine.LowerSpec(raw, p)
	if err != nil {
		t.Fatal(err)
	}
	return low
}

func mustLower(t rapid.TB, raw []byte, p directfspolicy.Plan) *specs.Spec {
	t.Helper()
	low, _, err := engine.LowerSpec(raw, p)
	if err != nil {
		t.Fatal(err)
	}
	var spec specs.Spec
	if err := json.Unmarshal(low, &spec); err != nil {
		t.Fatal(err)
	}
	return &spec
}

// readPlan lowers the plan as its scope asks and reads it back. hints is the
// spec of the pod's first container, for a container that joins.
func readPlan(t rapid.TB, p directfspolicy.Plan, defaultCache directfspolicy.Cache) enginetest.Container {
	t.Helper()
	spec, confs, conf := specFor(p, p.Decisions()[0].Cache, defaultCache)
	pairs, err := engine.PairMounts(spec.Mounts, confs, p)
	if err != nil {
		t.Fatal(err)
	}
	s := enginetest.Sandbox{Confs: confs, Conf: conf, Accepts: gofer.SupportedMountOptions}
	engine.ConfigureStart(conf, p)
	if p.Container().Scope == directfspolicy.PodMember {
		s.Hints = lowered(t, &specs.Spec{}, directfspolicy.Plan{})
		s.Spec = spec
		s.Mounts, err = engine.JoiningMounts(spec.Mounts, pairs, p)
	} else {
		s.Hints = lowered(t, spec, p)
		s.Spec = mustLower(t, s.Hints, p)
		s.Mounts, err = engine.FirstMounts(spec.Mounts, pairs)
	}
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Read()
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func checkReadBack(t rapid.TB, p directfspolicy.Plan, defaultCache directfspolicy.Cache) {
	t.Helper()
	if got, want := readPlan(t, p, defaultCache), enginetest.Planned(p); !reflect.DeepEqual(got, want) {
		t.Fatalf("scope %v, raised %t: the engine does %v, the plan says %v\n%v", p.Container().Scope, p.Sandbox().Raised, got, want, p)
	}
}

// Every combination of up to two mounts.
func TestReadBackEveryPlan(t *testing.T) {
	forEachWant(func(root want) {
		forEachWant(func(a want) {
			forEachWant(func(b want) {
				for _, scope := range scopes {
					for _, flag := range []bool{false, true} {
						// A joining container's mounts have the cache mode of
						// the flag unless a hint of the pod says otherwise;
						// LisaFS beside a directfs rootfs is the exception.
						if scope == directfspolicy.PodMember && a.cache != b.cache {
							continue
						}
						checkReadBack(t, planFor(t, scope, flag, root, []want{a, b}), a.cache)
					}
				}
			})
		})
	})
}

func forEachWant(f func(want)) {
	for _, a := range accesses {
		for _, c := range caches {
			f(want{a, c})
		}
	}
}

// More mounts than can be enumerated.
func propReadBackPlan(t *rapid.T) {
	draw := func(label string) want {
		return want{rapid.SampledFrom(accesses).Draw(t, label), rapid.SampledFrom(caches).Draw(t, label+" cache")}
	}
	scope := rapid.SampledFrom(scopes).Draw(t, "scope")
	flag := rapid.Bool().Draw(t, "flag")
	cache := rapid.SampledFrom(caches).Draw(t, "default cache")
	root := draw("rootfs")
	var mounts []want
	for range rapid.IntRange(0, 12).Draw(t, "mounts") {
		m := draw("mount")
		if scope == directfspolicy.PodMember {
			m.cache = cache
		}
		mounts = append(mounts, m)
	}
	checkReadBack(t, planFor(t, scope, flag, root, mounts), cache)
}

// At create, the switch of a joining container only says whether its gofer
// needs what directfs needs; that of a first container raises the sandbox.
func TestConfigureCreate(t *testing.T) {
	forEachWant(func(root want) {
		forEachWant(func(m want) {
			for _, scope := range scopes {
				for _, flag := range []bool{false, true} {
					p := planFor(t, scope, flag, root, []want{m})
					want := p.Sandbox().Raised
					if scope == directfspolicy.PodMember {
						want = root.access == directfspolicy.DirectFS || m.access == directfspolicy.DirectFS
					}
					conf := config.Config{DirectFS: !want}
					if engine.ConfigureCreate(&conf, p); conf.DirectFS != want {
						t.Errorf("%v flag=%t rootfs=%v mount=%v: DirectFS=%t", scope, flag, root, m, conf.DirectFS)
					}
				}
			}
		})
	})
}

// A mount at "/" over a rootfs that no gofer serves is not the rootfs.
func TestMountOverRootfs(t *testing.T) {
	p, err := directfspolicy.Resolve(directfspolicy.Request{
		Container: directfspolicy.Container{Flag: true, Scope: directfspolicy.PodMember},
		Mounts:    []directfspolicy.Mount{mountFor("/", directfspolicy.DirectFS, directfspolicy.CacheExclusive)},
	})
	if err != nil {
		t.Fatal(err)
	}
	conf := &config.Config{DirectFS: true}
	if engine.ConfigureStart(conf, p); conf.DirectFS || conf.FileAccess != config.FileAccessShared {
		t.Errorf("the switches for the rootfs are directfs=%t, file-access=%v, which are the mount's", conf.DirectFS, conf.FileAccess)
	}
}
