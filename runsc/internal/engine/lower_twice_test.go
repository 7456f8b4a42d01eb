package engine_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/engine"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// A spec in which a field is there twice, in one spelling or in two, is to the
// sandbox process what it was to the client: the engine's decoder merges them
// in their order.
func TestLowerSpecKeepsRepeatedFields(t *testing.T) {
	for _, raw := range []string{
		`{"root":{"path":"/r","readonly":true},"root":{"path":"/r"}}`,
		`{"root":{"path":"/r","readonly":true},"Root":{"readonly":false}}`,
		`{"root":{"path":"/r","readonly":true},"ROOT":{"path":"/other","readonly":false}}`,
		`{"mounts":[{"destination":"/a","source":"/x","options":["ro"]}],"mounts":[{"destination":"/b"}]}`,
		`{"hostname":"one","Hostname":"two"}`,
	} {
		low, _, err := engine.LowerSpec([]byte(raw), directfspolicy.Plan{})
		if err != nil {
			t.Errorf("%s: %v", raw, err)
			continue
		}
		var before, after specs.Spec
		if err := json.Unmarshal([]byte(raw), &before); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(low, &after); err != nil {
			t.Fatal(err)
		}
		after.Annotations = before.Annotations
		if !reflect.DeepEqual(before, after) {
			t.Errorf("%s became %s", raw, low)
		}
	}
}
