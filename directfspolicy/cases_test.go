package directfspolicy

import (
	"encoding/json"
	"reflect"
	"testing"
)

// cases are requests that properties must hold for, and that chance seldom
// draws.
var cases = map[string]Request{
	"nothing at all":                    {},
	"a pod that asks for nothing":       {Container: Container{Scope: PodSandbox}, Rootfs: Mount{Backend: StockGofer}},
	"a mount over the rootfs":           {Container: Container{Flag: true}, Rootfs: Mount{Backend: StockGofer, Cache: CacheExclusive}, Mounts: []Mount{{Destination: "/", Backend: StockGofer}}},
	"twins that agree":                  {Mounts: []Mount{hinted("/t", StockGofer, On), hinted("/t", StockGofer, On)}},
	"a hidden mount without a gofer":    {Container: Container{Flag: true}, Mounts: []Mount{hinted("/t", StockGofer, Off), {Destination: "/t"}}},
	"a pod's hint as option and as key": {Container: Container{Scope: PodSandbox}, Mounts: []Mount{{Destination: "/d", Backend: StockGofer, ReadOnly: true, Hints: []Hint{hint("option", On), hint(keyOf("/d"), On)}}}},
	"a reader that raises a pod":        {Container: Container{Scope: PodSandbox}, Mounts: []Mount{{Destination: "/d", Backend: StockGofer, ReadOnly: true, Hints: []Hint{hint("option", On)}}}},
	"only FIFOs are written":            {Container: Container{Flag: true}, Mounts: []Mount{{Destination: "/d", Backend: StockGofer, SpecialFiles: true}}},
	"devices and nothing else":          {Container: Container{HostDevices: true}},
	"devices beside directfs":           {Container: Container{HostDevices: true, Flag: true}, Rootfs: Mount{Backend: StockGofer}},
	"devices beside a reader":           {Container: Container{HostDevices: true, Flag: true}, Rootfs: Mount{Backend: StockGofer, ReadOnly: true}},
	"devices beside LisaFS":             {Container: Container{HostDevices: true, Flag: true}, Rootfs: Mount{Backend: StockGofer}, Mounts: []Mount{hinted("/d", StockGofer, Off)}},
	"a key that looks like a pod's":     {Container: Container{Scope: PodSandbox}, Mounts: []Mount{{Destination: "/d", Backend: StockGofer, Hints: []Hint{{DirectFSKnob, keyOf("/d"), On, false}}}}},
	"an exclusive reader beside one":    {Mounts: []Mount{{Destination: "/a", Backend: StockGofer, ReadOnly: true, Sources: src("/s"), Hints: []Hint{cached("k", Exclusive)}}, {Destination: "/b", Backend: StockGofer, ReadOnly: true, Sources: src("/s/b")}}},
	"names that JSON must escape":       {Container: Container{Flag: true}, Mounts: []Mount{{Destination: "/\"\\\n\u2028<", Backend: VirtualGofer, BackendName: "ü\n"}}},
	"narrow, and all hints off":         {Container: Container{Ceiling: NarrowHints, Flag: true}, Rootfs: hinted("/", StockGofer, Off), Mounts: []Mount{hinted("/d", StockGofer, Off)}},
}

func TestCases(t *testing.T) {
	for name, r := range cases {
		t.Run(name, func(t *testing.T) {
			if r.Rootfs.Destination == "" {
				r.Rootfs.Destination = "/"
			}
			verdicts := []string{consult(r.Flag, firstHintOnly(r.Rootfs))}
			for _, m := range r.Mounts {
				verdicts = append(verdicts, consult(r.Flag, firstHintOnly(m)))
			}
			checkOracle(t, r, verdicts)
			p := mustResolve(t, r)
			checkInvariants(t, p)
			var q Plan
			if err := json.Unmarshal(encode(t, p), &q); err != nil || !reflect.DeepEqual(p, q) {
				t.Fatalf("%+v became %+v, %v", p, q, err)
			}
			checkDecoded(t, q)
		})
	}
}
