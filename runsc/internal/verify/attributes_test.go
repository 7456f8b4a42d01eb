package verify

import (
	"testing"

	"github.com/directfs/runsc/runsc/internal/isolation"
	"github.com/moby/sys/mountinfo"
)

func TestAttributes(t *testing.T) {
	at := func(point, options, optional string) *mountinfo.Info {
		return &mountinfo.Info{Mountpoint: point, Options: options, Optional: optional}
	}
	readOnly := expected{Attributes: isolation.Attributes{ReadOnly: true}}
	follows := expected{Attributes: isolation.Attributes{Follows: true}, root: propagation{master: 7}}
	devices := expected{Attributes: isolation.Attributes{Devices: true}}
	const all = "ro,nosuid,nodev,relatime"
	for name, c := range map[string]struct {
		e      expected
		mounts []*mountinfo.Info
		want   Verdict
	}{
		"as planned":                   {readOnly, []*mountinfo.Info{at("/d", all, "")}, OK},
		"stricter":                     {expected{}, []*mountinfo.Info{at("/d", all+",noexec", "")}, OK},
		"no mount":                     {readOnly, nil, Differs},
		"writable":                     {readOnly, []*mountinfo.Info{at("/d", "rw,nosuid,nodev", "")}, Differs},
		"with devices":                 {readOnly, []*mountinfo.Info{at("/d", "ro,nosuid", "")}, Differs},
		"devices that are planned":     {devices, []*mountinfo.Info{at("/d", "rw,nosuid", "")}, OK},
		"a writable submount":          {readOnly, []*mountinfo.Info{at("/d", all, ""), at("/d/sub", "rw,nosuid,nodev", "")}, Differs},
		"shared":                       {readOnly, []*mountinfo.Info{at("/d", all, "shared:3")}, Differs},
		"slave, not asked for":         {readOnly, []*mountinfo.Info{at("/d", all, "master:3")}, Differs},
		"unbindable":                   {readOnly, []*mountinfo.Info{at("/d", all, "unbindable")}, OK},
		"strange propagation":          {readOnly, []*mountinfo.Info{at("/d", all, "shared:x")}, Unverified},
		"slave":                        {follows, []*mountinfo.Info{at("/d", all, "master:7 propagate_from:2")}, OK},
		"slave of another":             {follows, []*mountinfo.Info{at("/d", all, "master:8")}, Differs},
		"no slave":                     {follows, []*mountinfo.Info{at("/d", all, "")}, Differs},
		"slave, with a later mount":    {follows, []*mountinfo.Info{at("/d", all, "master:7"), at("/d/sub", "rw", "master:9")}, Note},
		"slave, with a shared mount":   {follows, []*mountinfo.Info{at("/d", all, "master:7"), at("/d/sub", all, "shared:9")}, Differs},
		"slave itself without nodev":   {follows, []*mountinfo.Info{at("/d", "rw,nosuid", "master:7")}, Differs},
		"slave, wrong, and later ones": {follows, []*mountinfo.Info{at("/d", "rw,nosuid", "master:7"), at("/d/sub", "rw", "master:9")}, Differs},
	} {
		r := &Report{}
		r.attributes("item", c.e, tree{mounts: c.mounts})
		if got := r.Rows[0]; got.Verdict != c.want {
			t.Errorf("%s: %+v, want %v", name, got, c.want)
		}
	}
}

// Wrappers are told from copies and from each other by what is mounted on what.
func TestTrees(t *testing.T) {
	table := map[int]*mountinfo.Info{}
	for _, m := range []struct {
		id, parent int
		point      string
	}{{10, 1, "/"}, {20, 10, "/"}, {30, 20, "/"}, {11, 10, "/d"}, {21, 20, "/d"}, {22, 21, "/d/sub"}, {23, 22, "/d/sub/sub"}} {
		table[m.id] = &mountinfo.Info{ID: m.id, Parent: m.parent, Mountpoint: m.point}
	}
	trees, err := kept{}.trees(table)
	if err != nil || len(trees) != 2 || len(trees[0].mounts) != 1 || len(trees[1].mounts) != 3 || trees[0].mounts[0].ID != 11 || trees[1].mounts[0].ID != 21 {
		t.Errorf("%+v, %v", trees, err)
	}
}

// Host devices are those of the spec, and nothing serves what is not planned.
func TestPairDevices(t *testing.T) {
	m := member{gofer: gofer{trees: []tree{{}, {}}}, mounts: []mount{{}}}
	m.mounts[0].decision.Access = 1
	if m.pair(); len(m.surplus) != 1 {
		t.Errorf("surplus is %+v", m.surplus)
	}
	r := &Report{}
	if r.servedRows(m); verdictOf(t, r, "other trees") != Differs {
		t.Errorf("%+v", r.Rows)
	}
}
