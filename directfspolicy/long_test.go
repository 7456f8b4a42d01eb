package directfspolicy

import (
	"errors"
	"strings"
	"testing"
)

// What a source costs grows with the square of its length, so that one which no
// host has is refused. At a megabyte it would be minutes.
func TestLongSources(t *testing.T) {
	at := func(dest, source string, hints ...Hint) Mount {
		return Mount{Destination: dest, Backend: StockGofer, Hints: hints, Sources: []Source{{Path: source}}}
	}
	r := Request{
		Container: Container{Flag: true},
		Mounts: []Mount{
			at("/m", strings.Repeat("/a", maxSource/2), Hint{Knob: CacheKnob, Key: "k", Setting: Exclusive}),
			at("/n", strings.Repeat("/b", maxSource/2)),
		},
		SourceHints: []SourceHint{{Hint: Hint{Knob: DirectFSKnob, Key: "s", Setting: Off}, Source: Source{Path: "/a"}}},
	}
	if p := mustResolve(t, r); p.Decisions()[1].Access != LisaFS {
		t.Errorf("the source below /a got %v", p.Decisions()[1].Access)
	}
	for i := range r.Mounts {
		r.Mounts[i].Sources[0].Path += strings.Repeat("/c", 1<<19)
	}
	_, err := Resolve(r)
	all := Findings(err)
	const want = `invalid request: mount "/n": the source "/b/b/b/b/b/b/b/b/b/b/b/b/b/b/b/b/b/b/b/b"... has 1064960 bytes, where 16384 are allowed; give it a shorter path`
	if len(all) < 2 || !errors.Is(err, ErrInvalidRequest) || all[1].Error() != want {
		t.Errorf("got %q, want %s", all, want)
	}
}
