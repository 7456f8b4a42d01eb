package directfspolicy

import (
	"fmt"
	"testing"
	"time"
)

// The roads by which one volume's files come into a pod, each by name.
func TestRoads(t *testing.T) {
	volume := Source{Path: "/pods/volumes/v", Filesystem: "8:1", Within: "/pods/volumes/v", Device: 2049, Inode: 7}
	for name, tt := range map[string]struct {
		mount  Source
		counts bool
	}{
		"the volume":                   {volume, true},
		"the path alone":               {Source{Path: volume.Path}, true},
		"a directory of it":            {Source{Path: volume.Path + "/sub"}, true},
		"a symbolic link, resolved":    {Source{Path: "/link", Filesystem: "8:1", Within: volume.Within}, true},
		"subPath, a bind mount":        {Source{Path: "/pods/subpaths/v/0", Filesystem: "8:1", Within: volume.Within + "/sub"}, true},
		"the same inode, by any road":  {Source{Path: "/elsewhere", Device: 2049, Inode: 7}, true},
		"the same inode of another":    {Source{Path: "/elsewhere", Device: 2050, Inode: 7}, false},
		"a file system mounted inside": {Source{Path: volume.Path + "/mnt", Filesystem: "8:2", Within: "/"}, true},
		"another file system":          {Source{Path: "/x", Filesystem: "8:2", Within: volume.Within}, false},
		"the directory above":          {Source{Path: "/pods/volumes", Filesystem: "8:1", Within: "/pods/volumes"}, false},
		"a name that begins like it":   {Source{Path: volume.Path + "2", Filesystem: "8:1", Within: volume.Within + "2"}, false},
		"nothing known":                {Source{Path: "bucket"}, false},
	} {
		r := Request{Container: Container{Scope: PodMember}, SourceHints: []SourceHint{{Hint: hint("k", Off), Source: volume}},
			Mounts: []Mount{{Destination: "/m", Backend: StockGofer, Sources: []Source{tt.mount}}}}
		if got := mustResolve(t, r).decisions[1].WhyAccess.key == "k"; got != tt.counts || volume.Contains(tt.mount) != tt.counts {
			t.Errorf("%s: the hint counts: %t; contained: %t", name, got, volume.Contains(tt.mount))
		}
	}
	// What is mounted below its source does not make it another mount.
	below := Mount{Destination: "/m", Backend: StockGofer, Sources: []Source{{Path: "/srv"}, volume}}
	p := mustResolve(t, Request{Container: Container{Scope: PodMember}, SourceHints: []SourceHint{{Hint: hint("k", Off), Source: volume}}, Mounts: []Mount{below}})
	if p.decisions[1].WhyAccess.key != "" || len(p.Unmatched()) != 1 {
		t.Errorf("a submount's hint decides: %v", p)
	}
}

// The work for each mount does not grow with the number of hints.
func TestMatchingIsLinear(t *testing.T) {
	allocs := func(n int) float64 {
		var r Request
		for i := range n {
			s := Source{Path: fmt.Sprintf("/srv/%d", i), Filesystem: "8:1", Within: fmt.Sprintf("/%d", i)}
			r.SourceHints = append(r.SourceHints, SourceHint{Hint: hint(fmt.Sprint("k", i), Off), Source: s})
			r.Mounts = append(r.Mounts, Mount{Destination: fmt.Sprintf("/m/%d", i), Backend: StockGofer, Sources: []Source{s}})
		}
		return testing.AllocsPerRun(3, func() {
			if _, err := Resolve(r); err != nil {
				t.Fatal(err)
			}
		})
	}
	if small, big := allocs(1_000), allocs(10_000); big > 11*small {
		t.Errorf("%.0f allocations for 1,000 hints and mounts, %.0f for 10,000", small, big)
	}
}

// Nor does it grow with the number of hints that say the same about one source:
// all of these count, and a mount looks at one.
func TestManyNamesForOneSource(t *testing.T) {
	const n = 10_000
	r := Request{Container: Container{Flag: true}}
	for i := range n {
		r.SourceHints = append(r.SourceHints, SourceHint{Hint: hint(fmt.Sprint("k", i), Off), Source: Source{Path: "/srv"}})
		r.Mounts = append(r.Mounts, Mount{Destination: fmt.Sprintf("/m/%d", i), Backend: StockGofer, Sources: []Source{{Path: fmt.Sprintf("/srv/%d", i)}}})
	}
	before := time.Now()
	p := mustResolve(t, r)
	if took := time.Since(before); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	if ds := p.Decisions(); ds[n].Access != LisaFS || ds[n].WhyAccess.key != "k0" {
		t.Errorf("the last mount got %v", ds[n])
	}
	r.SourceHints[n-1].Setting = On
	if _, err := Resolve(r); len(Findings(err)) != n {
		t.Errorf("%d findings for %d mounts, one hint of which differs", len(Findings(err)), n)
	}
}

// What is mounted in a source is inside it for a hint that turns directfs off,
// and for no other.
func TestBelowCountsForOff(t *testing.T) {
	disk := Source{Path: "/mnt/disk", Filesystem: "8:1", Within: "/"}
	deep := Source{Path: "/elsewhere/deep", Filesystem: "8:1", Within: "/deep"}
	for _, setting := range []Setting{On, Off, Default} {
		r := Request{Container: Container{Scope: PodMember},
			SourceHints: []SourceHint{{Hint: hint("k", setting), Source: Source{Path: "/volume", Filesystem: "8:2", Within: "/"}, Below: []Source{disk}}},
			Mounts:      []Mount{{Destination: "/m", Backend: StockGofer, Sources: []Source{deep}}}}
		_, matched := mustResolve(t, r).Decisions()[1].WhyAccess.Hint()
		if want := setting == Off; matched != want {
			t.Errorf("%s counts: %t, want %t", setting, matched, want)
		}
	}
}
