package measure

import (
	"slices"
	"strings"
	"testing"

	"github.com/directfs/runsc/benchmarks/results"
	"github.com/directfs/runsc/benchmarks/volumes"
	"github.com/directfs/runsc/benchmarks/workload"
)

func TestVolumeConfigs(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range VolumeConfigs {
		if seen[c.Name] {
			t.Errorf("%q is there twice", c.Name)
		}
		seen[c.Name] = true
		if c.Exclusive != strings.HasSuffix(c.Name, exclusiveSuffix) {
			t.Errorf("%s: exclusive is %t", c.Name, c.Exclusive)
		}
	}
	if len(seen) != 2*len(volumes.Clients) {
		t.Errorf("%d configurations of %d clients", len(seen), len(volumes.Clients))
	}
	for _, exclusive := range []bool{false, true} {
		others := Competitors(exclusive)
		if len(others) != len(volumes.Clients)-2 || slices.Contains(others, VolumeName(volumes.OurClient, exclusive)) ||
			slices.Contains(others, VolumeName(volumes.HostClient, exclusive)) {
			t.Errorf("exclusive %t: competitors are %v", exclusive, others)
		}
	}
	list, err := SelectVolumes([]string{"s3fs-exclusive", "host"})
	if err != nil || len(list) != 2 || list[0].Name != "host" {
		t.Errorf("selected %+v, %v", list, err)
	}
	if _, err := SelectVolumes([]string{"nothing"}); err == nil {
		t.Error("no error for an unknown name")
	}
}

// Values of one workload must not be stored under the name of another.
func TestVariantNames(t *testing.T) {
	seen := map[string]bool{}
	for _, w := range workload.Volumes {
		list := variants(w)
		if len(list) != 2 {
			t.Errorf("%s has %d variants", w.Name, len(list))
		}
		for _, v := range list {
			if seen[v.Name] || v.Kind == "" || v.About == "" {
				t.Errorf("%+v is there twice or lacks something", v)
			}
			seen[v.Name] = true
		}
	}
}

// The volume's own option is for the measured mount alone: the tools' mounts
// are directories of the host.
func TestServedOption(t *testing.T) {
	c := Config{Config: results.Config{Name: "x"}, Kind: Ours, Options: []string{optionExclusive}, Served: []string{"gofer=s3/b"}}
	dir := t.TempDir()
	l := &place{Config: c, dir: dir, data: dir, programs: Programs{Worker: "/proc/self/exe"}, tools: workload.Tools{Git: "/usr/bin/git"}}
	b, err := l.serving()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range b.Spec.Mounts {
		if m.Type != "bind" {
			continue
		}
		if got := slices.Contains(m.Options, "gofer=s3/b"); got != (m.Destination == dataDir) {
			t.Errorf("the mount at %s has the options %v", m.Destination, m.Options)
		}
		if !slices.Contains(m.Options, optionExclusive) {
			t.Errorf("the mount at %s has the options %v", m.Destination, m.Options)
		}
	}
}
