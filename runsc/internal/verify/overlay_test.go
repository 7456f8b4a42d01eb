package verify

import (
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/engine"
	"github.com/moby/sys/mountinfo"
)

// What a mount table says of an overlay is compared, and where it says nothing
// that can be compared, that is no difference.
func TestOverlayRows(t *testing.T) {
	const all, layers, attributes = "/ov overlay", "/ov overlay layers", "/ov overlay attributes"
	source := func(k directfspolicy.LayerKind, path string) directfspolicy.Source {
		return directfspolicy.Source{Layer: k, Path: path}
	}
	lower := source(directfspolicy.LowerLayer, "/a")
	written := []directfspolicy.Source{lower, source(directfspolicy.DataLayer, "/d"), source(directfspolicy.UpperLayer, `/u \,`), source(directfspolicy.WorkLayer, "/w")}
	for name, c := range map[string]struct {
		kind, options string
		sources       []directfspolicy.Source
		union         directfspolicy.Union
		verdicts      map[string]Verdict // other than OK
	}{
		"as planned":     {"overlay", `rw,lowerdir+=/a,datadir+=/d,upperdir=/u\040\134\054,workdir=/w`, written, directfspolicy.Union{Source: "name"}, nil},
		"by one option":  {"overlay", `rw,lowerdir=/a::/d,upperdir=/u\040\134\054,workdir=/w,userxattr`, written, directfspolicy.Union{Source: "name", Options: []string{"userxattr"}}, nil},
		"read-only":      {"overlay", "ro,lowerdir+=/a,lowerdir+=/a", []directfspolicy.Source{lower, lower}, directfspolicy.Union{Source: "name"}, nil},
		"role":           {"overlay", `rw,lowerdir+=/a,lowerdir+=/d,upperdir=/u\040\134\054,workdir=/w`, written, directfspolicy.Union{Source: "name"}, map[string]Verdict{layers: Differs}},
		"turned":         {"overlay", `ro,lowerdir+=/a,datadir+=/d,upperdir=/u\040\134\054,workdir=/w`, written, directfspolicy.Union{Source: "name"}, map[string]Verdict{all: Differs}},
		"no userxattr":   {"overlay", "ro,lowerdir+=/a", []directfspolicy.Source{lower}, directfspolicy.Union{Source: "name", Options: []string{"userxattr"}}, map[string]Verdict{attributes: Differs}},
		"userxattr":      {"overlay", "ro,lowerdir+=/a,userxattr", []directfspolicy.Source{lower}, directfspolicy.Union{Source: "name"}, map[string]Verdict{attributes: Differs}},
		"another name":   {"overlay", "ro,lowerdir+=/a", []directfspolicy.Source{lower}, directfspolicy.Union{}, map[string]Verdict{all: Differs}},
		"not shown":      {"overlay", "ro,lowerdir+=/proc/self/fd/7", []directfspolicy.Source{lower}, directfspolicy.Union{Source: "name"}, map[string]Verdict{layers: Unverified}},
		"one more shown": {"overlay", "ro,lowerdir+=/proc/self/fd/7,lowerdir+=/proc/self/fd/8", []directfspolicy.Source{lower}, directfspolicy.Union{Source: "name"}, map[string]Verdict{layers: Differs}},
		"no overlay":     {"ext4", "ro,lowerdir+=/a", []directfspolicy.Source{lower}, directfspolicy.Union{Source: "name"}, map[string]Verdict{all: Differs}},
	} {
		t.Run(name, func(t *testing.T) {
			d := directfspolicy.Decision{Mount: "/ov", Union: &c.union, Sources: c.sources}
			m := mount{decision: d, files: d, tree: tree{mounts: []*mountinfo.Info{{FSType: c.kind, Source: "name", VFSOptions: c.options}}}}
			r := &Report{}
			r.overlayRows(m)
			if len(r.Rows) != 3 && c.kind == "overlay" {
				t.Errorf("%d rows", len(r.Rows))
			}
			for _, row := range r.Rows {
				want := c.verdicts[row.Item]
				if want == "" {
					want = OK
				}
				if row.Verdict != want {
					t.Errorf("%+v, want %v", row, want)
				}
			}
		})
	}
}

// The gofer's own mount is what an overlay's directory is known by: without a look
// there, nothing is known.
func TestUnknownOverlay(t *testing.T) {
	d := directfspolicy.Decision{Mount: "/ov", Union: &directfspolicy.Union{}, Access: directfspolicy.DirectFS}
	m := mount{decision: d, files: d}
	if m.look(); m.err != nil || !m.directory {
		t.Errorf("%+v", m)
	}
	if m.lookAtOverlay(gofer{}); m.err == nil {
		t.Error("an overlay that is not there is known")
	}
	m.err = nil
	if m.lookAtOverlay(gofer{err: errNoTree}); m.err == nil {
		t.Error("an overlay is known where nobody could look")
	}
	r := &Report{}
	r.lockRow(0, directfspolicy.Plan{})
	if len(r.Rows) != 0 {
		t.Errorf("%+v", r.Rows)
	}
}

// An overlay of the sentry's is in the sentry's mount table, whatever the guest has
// mounted over it.
func TestSentryOverlayRows(t *testing.T) {
	plan, err := directfspolicy.Resolve(directfspolicy.Request{
		Container: directfspolicy.Container{Flag: true}, Rootfs: directfspolicy.Mount{Backend: directfspolicy.StockGofer},
		Mounts: []directfspolicy.Mount{{Destination: "/ov", Union: &directfspolicy.Union{Driver: directfspolicy.SentryUnion}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	at := func(destination string, types ...string) (table []engine.SentryMount) {
		for _, typ := range types {
			table = append(table, engine.SentryMount{Destination: destination, Type: typ})
		}
		return table
	}
	for name, c := range map[string]struct {
		table []engine.SentryMount
		err   error
		want  Verdict
	}{
		"as planned": {at("/ov", "tmpfs", "overlay"), nil, OK},
		"covered":    {at("/ov", "overlay", "tmpfs"), nil, OK},
		"unmounted":  {at("/ov", "tmpfs"), nil, Differs},
		"elsewhere":  {at("/", "overlay"), nil, Differs},
		"unknown":    {nil, errNoTree, Unverified},
	} {
		r := &Report{}
		r.sentryOverlayRows(member{plan: plan}, c.table, c.err)
		if got := verdictOf(t, r, "/ov overlay"); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
