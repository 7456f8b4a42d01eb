package fuzz

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"reflect"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
	"github.com/directfs/runsc/runsc/enginetest"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"gvisor.dev/gvisor/pkg/log"
	"gvisor.dev/gvisor/runsc/config"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) {
	log.SetTarget(&log.MultiEmitter{}) // the engine's warnings are many
	enginetest.AcceptMountOptions()
	enginetest.RegisterGofers()
	os.Exit(m.Run())
}

// propLowerReadBack is property 10, from the JSON of a spec to what the engine
// does with each mount.
func propLowerReadBack(t *rapid.T) {
	if err := enginetest.DrawCase(t).ReadBack(); err != nil {
		t.Fatal(err)
	}
}

func TestLowerReadBack(t *testing.T) { rapid.Check(t, propLowerReadBack) }

func FuzzLowerReadBack(f *testing.F) { fuzzProperty(f, propLowerReadBack) }

// fuzzProperty starts from inputs that are long enough for any case. The engine
// is not instrumented, so the fuzzer would not learn by itself that an input
// must be long, and one that is too short draws nothing. An input is read eight
// bytes at a time, where small numbers pick the first of several and end lists
// early.
func fuzzProperty(f *testing.F, prop func(*rapid.T)) {
	for _, limit := range []uint64{1, 2, 8, 1 << 32, math.MaxUint64} {
		source := rand.New(rand.NewPCG(limit, 0))
		var input []byte
		for range 256 {
			input = binary.LittleEndian.AppendUint64(input, source.Uint64N(limit))
		}
		f.Add(input)
	}
	f.Fuzz(rapid.MakeFuzz(prop))
}

// checkBytes takes any bytes for a bundle's config.json: each step gives a
// value or an error, and what is accepted reads back.
func checkBytes(t rapid.TB, raw []byte, flag bool) {
	var spec specs.Spec
	if err := json.Unmarshal(raw, &spec); err == nil {
		p, err := ociconfig.Plan(&spec, ociconfig.Options{Flag: flag, AllowFlagOverride: true, Bundle: enginetest.Bundle})
		if err != nil && !reflect.DeepEqual(p, directfspolicy.Plan{}) {
			t.Fatalf("plan %v and error %v", p, err)
		}
		if err == nil {
			if err := enginetest.StoreAndLoad(p); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := enginetest.ParseBytes(raw); err != nil {
		t.Fatal(err)
	}
	if err := (enginetest.Case{Raw: raw, Conf: config.Config{DirectFS: flag}}).ReadBack(); err != nil {
		t.Fatal(err)
	}
}

// checkAnnotation puts any key and value, and any option, in a spec.
func checkAnnotation(t rapid.TB, key, value, option string, flag bool) {
	spec := specs.Spec{
		Version:     specs.Version,
		Process:     &specs.Process{Args: []string{"true"}, Cwd: "/"},
		Root:        &specs.Root{Path: "rootfs"},
		Annotations: map[string]string{key: value, "dev.gvisor.spec.mount.data.source": "/src"},
		Mounts:      []specs.Mount{{Destination: "/data", Type: "bind", Source: "/src", Options: []string{option}}},
	}
	raw, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	checkBytes(t, raw, flag)
}

func TestSpecBytes(t *testing.T) {
	prefixes := []string{"", "dev.gvisor.spec.mount.", "dev.gvisor.spec.mount.data.", "dev.gvisor.spec.rootfs.", "dev.gvisor.internal.", "dev.gvisor.flag.", "directfs"}
	rapid.Check(t, func(t *rapid.T) {
		word := func(label string) string {
			return rapid.SampledFrom(prefixes).Draw(t, label+" prefix") + rapid.SampledFrom([]string{"directfs", "gofer", "source", "type", "=on", "=blob/models", "", rapid.String().Draw(t, label)}).Draw(t, label+" rest")
		}
		checkAnnotation(t, word("key"), rapid.OneOf(rapid.String(), rapid.SampledFrom(directfspolicy.DirectFSKnob.Allowed())).Draw(t, "value"), word("option"), rapid.Bool().Draw(t, "flag"))
		checkBytes(t, rapid.SliceOf(rapid.Byte()).Draw(t, "raw"), rapid.Bool().Draw(t, "flag"))
	})
}

func FuzzSpecBytes(f *testing.F) {
	f.Fuzz(func(t *testing.T, raw []byte, key, value, option string, flag bool) {
		checkBytes(t, raw, flag)
		checkAnnotation(t, key, value, option, flag)
	})
}
