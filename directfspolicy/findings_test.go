package directfspolicy

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// Everything for which a request is refused comes at once, each thing once.
func TestAllFindings(t *testing.T) {
	_, err := Resolve(Request{
		SourceHints: []SourceHint{
			{Hint: hint("bad", "bogus"), Source: Source{Path: "/s"}}, {Hint: hint("nowhere", Off), Source: Source{Path: "/gone"}},
			{Hint: hint("one", On), Source: Source{Path: "/s"}}, {Hint: hint("two", Off), Source: Source{Path: "/s"}},
		},
		Rootfs: hinted("/", VirtualGofer, On),
		Mounts: []Mount{
			{Destination: "/a", Backend: StockGofer, Sources: src("/s")},
			{Destination: "b"},
			{Destination: "/c", Hints: []Hint{hint("k", On), cached("l", Shared)}},
		},
	})
	want := []error{ErrInvalidValue, ErrCannotDonate, ErrConflict, ErrInvalidRequest, ErrNotGoferMount, ErrNotGoferMount, ErrNoMount}
	all := Findings(err)
	if len(all) != len(want) {
		t.Fatalf("%d findings, want %d: %v", len(all), len(want), err)
	}
	for i, f := range all {
		if !errors.Is(f, want[i]) || len(Findings(f)) != 1 {
			t.Errorf("finding %d is %v, want %v", i, f, want[i])
		}
	}
	if len(Findings(nil)) != 0 {
		t.Error("nil has findings")
	}
	if wrapped := fmt.Errorf("x: %w", err); len(Findings(wrapped)) != 1 {
		t.Error("a wrapped error is taken apart, and its words are lost")
	}
}

// So do several places at which mounts disagree.
func TestAllTwins(t *testing.T) {
	_, err := Resolve(Request{Mounts: []Mount{
		hinted("/a", StockGofer, On), hinted("/a", StockGofer, Off), hinted("/a", StockGofer, Off),
		hinted("/b", StockGofer, Off), hinted("/b", StockGofer, On),
	}})
	all := Findings(err)
	if len(all) != 2 || !strings.Contains(all[0].Error(), `"/a"`) || !strings.Contains(all[1].Error(), `"/b"`) {
		t.Errorf("findings %q", all)
	}
}
