package gofer

import (
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/engine"
	"github.com/directfs/runsc/runsc/internal/isolation"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/specutils"
)

func TestTreeFD(t *testing.T) {
	for path, want := range map[string]int{"/f/12/d": 12, "/0": -1, "/": -1, "/f/x/d": -1, "/g/12/d": -1, "/f/12": -1, "/f/12/d/e": -1, "": -1} {
		fd, ok := treeFD(path)
		if ok != (want >= 0) || ok && fd != want {
			t.Errorf("%q: %d, %v, want %d", path, fd, ok, want)
		}
	}
}

// connectionsFor pairs FDs with mounts of which the third is none of the
// gofer's.
func connectionsFor(t *testing.T, fds string, devFD int) ([]connection, error) {
	t.Helper()
	r := directfspolicy.Request{Container: directfspolicy.Container{Flag: true, HostDevices: devFD >= 0}, Rootfs: directfspolicy.Mount{Backend: directfspolicy.StockGofer}, Mounts: []directfspolicy.Mount{
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
	spec := &specs.Spec{Root: &specs.Root{}, Mounts: list}
	pairs, err := engine.PairMounts(list, g.mountConfs, plan)
	if err != nil {
		t.Fatal(err)
	}
	return g.connections(&config.Config{}, spec, pairs, plan)
}

func TestConnections(t *testing.T) {
	conns, err := connectionsFor(t, "10,11,12", 13)
	if err != nil {
		t.Fatal(err)
	}
	want := []connection{
		{fd: 10, path: "/", donate: true}, {fd: 11, path: "/a", donate: true},
		{fd: 12, path: "/ro", donate: true, Attributes: isolation.Attributes{ReadOnly: true}}, {fd: 13, path: "/dev", device: true, donate: true, Attributes: isolation.Attributes{Devices: true}},
	}
	for i, c := range conns {
		w := want[i]
		if c.fd != w.fd || c.path != w.path || c.Attributes != w.Attributes || c.donate != w.donate || c.device != w.device {
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
