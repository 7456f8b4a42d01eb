package verify

import (
	"testing"

	"github.com/directfs/runsc/directfspolicy"
)

// What is at the source of a mount that a volume serves says nothing about the
// mount: that it cannot be reached is not reported, nor that it can.
func TestVolumesAreNotLookedAt(t *testing.T) {
	p, err := directfspolicy.Resolve(directfspolicy.Request{
		Container: directfspolicy.Container{Flag: true},
		Mounts: []directfspolicy.Mount{{Destination: "/v", Backend: directfspolicy.StockGofer, Hints: []directfspolicy.Hint{
			{Knob: directfspolicy.GoferKnob, Key: "k", Setting: "blob/models"},
		}}},
		Backends: []string{"blob"}, Gofers: map[directfspolicy.GoferName]directfspolicy.Gofer{{Backend: "blob", Volume: "models"}: {}},
	})
	if err != nil {
		t.Fatal(err)
	}
	m := mount{decision: p.Decisions()[1], source: t.TempDir()}
	m.look()
	if m.err != nil || m.id != (fileID{}) {
		t.Errorf("%+v", m)
	}
	plain := mount{source: m.source}
	if plain.look(); plain.err != nil || plain.id == (fileID{}) {
		t.Errorf("%+v", plain)
	}
	mounts := []mount{m}
	for _, row := range rowsOf(newWalker(mounts, 9), mounts).Rows {
		if row.Verdict == Unverified || row.Planned == "nothing of /v" {
			t.Errorf("%+v", row)
		}
	}
}
