package engine_test

import (
	"strings"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/engine"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/flag"
)

// The engine stops at the first flag that it refuses, in the order of a map.
func TestEveryRefusedFlag(t *testing.T) {
	if flag.Lookup("directfs") == nil {
		config.RegisterFlags(flag.CommandLine)
	}
	conf, err := config.NewFromFlags(flag.CommandLine)
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		own := *conf
		all := directfspolicy.Findings(engine.ApplyFlags(&own, &specs.Spec{Annotations: map[string]string{
			"dev.gvisor.flag.directfs": "false", "dev.gvisor.flag.nothing": "1", "dev.gvisor.flag.platform": "kvm",
			"dev.gvisor.bundle.experimental-high-performance": "yes", "other": "x",
		}}))
		if len(all) != 4 || !strings.Contains(all[0].Error(), "experimental-high-performance") || !strings.Contains(all[3].Error(), "platform") {
			t.Fatalf("%d findings: %v", len(all), all)
		}
	}
	own := *conf
	if err := engine.ApplyFlags(&own, &specs.Spec{Annotations: map[string]string{"other": "x"}}); err != nil {
		t.Error(err)
	}
}
