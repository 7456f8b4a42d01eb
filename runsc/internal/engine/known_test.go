package engine_test

import (
	"errors"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/engine"
)

// A mount whose source nobody could look at is refused beside an off hint and
// with an exclusive cache, and nowhere else.
func TestUnknownSources(t *testing.T) {
	hint := func(k directfspolicy.Knob, word string) directfspolicy.Hint {
		h, err := directfspolicy.ParseHint(k, "test", word, "/d")
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	off, exclusive := hint(directfspolicy.DirectFSKnob, "off"), hint(directfspolicy.CacheKnob, "exclusive")
	elsewhere := []directfspolicy.SourceHint{{Hint: off, Source: directfspolicy.Source{Path: "/elsewhere"}}}
	for name, c := range map[string]struct {
		flag    bool
		inode   uint64
		own     []directfspolicy.Hint
		source  []directfspolicy.SourceHint
		refused bool
	}{
		"off elsewhere":         {flag: true, source: elsewhere, refused: true},
		"off elsewhere, known":  {flag: true, inode: 1, source: elsewhere},
		"off elsewhere, lisafs": {source: elsewhere},
		"no hint":               {flag: true},
		"off itself":            {flag: true, own: []directfspolicy.Hint{off}},
		"exclusive":             {flag: true, own: []directfspolicy.Hint{exclusive}, refused: true},
		"exclusive, known":      {flag: true, inode: 1, own: []directfspolicy.Hint{exclusive}},
		"exclusive, lisafs":     {own: []directfspolicy.Hint{exclusive}},
	} {
		p, err := directfspolicy.Resolve(directfspolicy.Request{
			Container: directfspolicy.Container{Flag: c.flag, Scope: directfspolicy.PodMember}, SourceHints: c.source,
			Rootfs: directfspolicy.Mount{Backend: directfspolicy.StockGofer},
			Mounts: []directfspolicy.Mount{{
				Destination: "/d", Backend: directfspolicy.StockGofer, Hints: c.own,
				Sources: []directfspolicy.Source{{Path: "/s", Inode: c.inode}},
			}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := engine.CheckKnown(p); (err != nil) != c.refused || err != nil && !errors.Is(err, engine.ErrUnknownSource) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
