package gofer

import (
	"slices"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/specutils"
)

func TestParseMount(t *testing.T) {
	got, err := parseMount(`36 35 98:0 /mnt1 /mnt\0402\011a\012b\134040 rw,noatime master:1 - ext3 /dev/root rw,errors=continue`)
	if want := (mountEntry{36, 35, "/mnt 2\ta\nb\\040", "98:0 /mnt1"}); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	for _, line := range []string{"", "36 35 98:0 /mnt1 /mnt2", "x 35 98:0 / / rw", "-1 35 98:0 / / rw", "36 x 98:0 / / rw"} {
		if got, err := parseMount(line); err == nil {
			t.Errorf("%q was read as %+v", line, got)
		}
	}
}

func TestReadMountsFindsTheRoot(t *testing.T) {
	mounts, err := readMounts()
	if err != nil || !slices.ContainsFunc(mounts, func(m mountEntry) bool { return m.point == "/" }) {
		t.Errorf("mounts %+v, %v", mounts, err)
	}
}

func TestTreeFD(t *testing.T) {
	for path, want := range map[string]int{"/f/12/d": 12, "/0": -1, "/": -1, "/f/x/d": -1, "/g/12/d": -1, "/f/12": -1, "/f/12/d/e": -1, "": -1} {
		fd, ok := treeFD(path)
		if ok != (want >= 0) || ok && fd != want {
			t.Errorf("%q: %d, %v, want %d", path, fd, ok, want)
		}
	}
}

func TestBelow(t *testing.T) {
	var ss sources
	for i, path := range []string{"/", "/a", "/a/b", "/a/b/c", "/ab", "/a", "/dev"} {
		ss = append(ss, source{connection: connection{path: path, device: path == "/dev"}, mountIDs: []uint64{uint64(i)}})
	}
	for i, want := range [][]uint64{{1, 2, 3, 4, 5}, {2, 3}, {3}, nil, nil, {2, 3}, nil} {
		if got := ss.below(i); !slices.Equal(got, want) {
			t.Errorf("below %s: %v, want %v", ss[i].path, got, want)
		}
	}
}

// connectionsFor pairs FDs with mounts of which the third is none of the
// gofer's.
func connectionsFor(t *testing.T, fds string, devFD int) ([]connection, error) {
	t.Helper()
	r := directfspolicy.Request{Flag: true, HostDevices: devFD >= 0, Rootfs: directfspolicy.Mount{Backend: directfspolicy.StockGofer}, Mounts: []directfspolicy.Mount{
		{Destination: "/a", Backend: directfspolicy.StockGofer}, {Destination: "/ro", Backend: directfspolicy.StockGofer, ReadOnly: true},
	}}
	plan, err := directfspolicy.Resolve(r)
	if err != nil {
		t.Fatal(err)
	}
	g := &Command{devIOFD: devFD}
	if err := g.ioFDs.Set(fds); err != nil {
		t.Fatal(err)
	}
	lisafs := specutils.GoferMountConf{Lower: specutils.Lisafs}
	g.mountConfs = specutils.GoferMountConfFlags{lisafs, lisafs, {Upper: specutils.MemoryOverlay, Lower: specutils.NoneLower}, lisafs}
	list := []specs.Mount{
		{Destination: "/proc", Type: "proc"},
		{Destination: "/a", Type: "bind", Source: "/x"},
		{Destination: "/kept", Type: "bind", Source: "/kept in memory"},
		{Destination: "/ro", Type: "bind", Source: "/y", Options: []string{"ro"}},
	}
	decisions := []directfspolicy.Decision{{}, plan.Decisions()[1], {}, plan.Decisions()[2]}
	return g.connections(&specs.Spec{Root: &specs.Root{}}, servedMounts{list, decisions}, plan)
}

func TestConnections(t *testing.T) {
	conns, err := connectionsFor(t, "10,11,12", 13)
	if err != nil {
		t.Fatal(err)
	}
	want := []connection{
		{fd: 10, path: "/", donate: true}, {fd: 11, path: "/a", donate: true},
		{fd: 12, path: "/ro", readOnly: true, donate: true}, {fd: 13, path: "/dev", device: true, donate: true},
	}
	for i, c := range conns {
		w := want[i]
		if c.fd != w.fd || c.path != w.path || c.readOnly != w.readOnly || c.donate != w.donate || c.device != w.device || c.served != c.path {
			t.Errorf("connection %d is %+v, want %+v", i, c, w)
		}
	}
	if len(conns) != len(want) {
		t.Errorf("%d connections, want %d", len(conns), len(want))
	}
}

func TestConnectionsMustPair(t *testing.T) {
	for _, fds := range []string{"10,11", "10,11,12,13"} {
		if conns, err := connectionsFor(t, fds, -1); err == nil {
			t.Errorf("FDs %s: %+v", fds, conns)
		}
	}
}

func TestFileServerDonatesNothingByItself(t *testing.T) {
	if c := fileServer(&config.Config{}); c.DonateMountPointFD {
		t.Errorf("%+v", c)
	}
}
