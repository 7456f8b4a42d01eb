package paging

import (
	"fmt"
	"testing"
)

func TestRestIsTakenOnce(t *testing.T) {
	var p Pages[int]
	p.Keep("dir", "b", []int{3, 4})
	if _, ok := p.Take("dir", "a"); ok {
		t.Error("another place has it too")
	}
	if _, ok := p.Take("other", "b"); ok {
		t.Error("another directory has it too")
	}
	if rest, ok := p.Take("dir", "b"); !ok || len(rest) != 2 {
		t.Errorf("%v, %t", rest, ok)
	}
	if _, ok := p.Take("dir", "b"); ok {
		t.Error("it is there a second time")
	}
	if p.entries != 0 || len(p.order) != 0 || len(p.rest) != 0 {
		t.Errorf("something is left: %+v", &p)
	}
}

func TestWhatIsKeptIsBounded(t *testing.T) {
	var p Pages[int]
	for i := range 10 * maxPlaces {
		p.Keep(fmt.Sprint(i), "", make([]int, maxEntries/10))
		p.Keep(fmt.Sprint(i), "", make([]int, maxEntries/10)) // the same place
	}
	if p.entries > maxEntries || len(p.rest) > 10 || len(p.rest) != len(p.order) {
		t.Errorf("%d entries at %d places", p.entries, len(p.rest))
	}
	for i := range 10 * maxPlaces {
		p.Keep(fmt.Sprint(i), "", []int{1})
	}
	if len(p.rest) != maxPlaces {
		t.Errorf("%d places", len(p.rest))
	}
	p.Keep("large", "", make([]int, maxEntries+1))
	if _, ok := p.Take("large", ""); ok {
		t.Error("more than fits was kept")
	}
}
