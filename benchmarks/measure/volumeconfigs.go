package measure

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/directfs/runsc/benchmarks/results"
	"github.com/directfs/runsc/benchmarks/volumes"
)

// VolumeConfig is one way of having a bucket in a container.
type VolumeConfig struct {
	results.Config
	Client volumes.Client

	// Exclusive caches in the sandbox as if nobody else changed the bucket.
	Exclusive bool

	// Quick is set for what a quick run measures.
	Quick bool
}

// exclusiveSuffix ends the names of configurations with the exclusive cache.
const exclusiveSuffix = "-exclusive"

// VolumeConfigs is all of them, in the order of the tables: every client with
// each of the two ways in which a sandbox caches.
var VolumeConfigs = volumeConfigs()

func volumeConfigs() (list []VolumeConfig) {
	for _, exclusive := range []bool{false, true} {
		for _, c := range volumes.Clients {
			text := c.About
			if exclusive {
				text = "the same, the mount with `cache=exclusive`"
			}
			quick := !exclusive || c.Name == volumes.OurClient
			list = append(list, VolumeConfig{about(VolumeName(c.Name, exclusive), text), c, exclusive, quick})
		}
	}
	return list
}

// SelectVolumes returns the named configurations, in the order of VolumeConfigs.
func SelectVolumes(names []string) (list []VolumeConfig, err error) {
	for _, n := range names {
		if !slices.ContainsFunc(VolumeConfigs, func(c VolumeConfig) bool { return c.Name == n }) {
			return nil, fmt.Errorf("no configuration %q; there are %s", n, strings.Join(VolumeConfigNames(), ", "))
		}
	}
	for _, c := range VolumeConfigs {
		if slices.Contains(names, c.Name) {
			list = append(list, c)
		}
	}
	return list, nil
}

// FindClients finds or builds what configurations need, leaves out those whose
// clients cannot run, and says why in plain lines.
func FindClients(ctx context.Context, p *volumes.Programs, configs []VolumeConfig, say func(string)) (usable []VolumeConfig, missing []string, err error) {
	wanted := slices.DeleteFunc(slices.Clone(volumes.Clients), func(c volumes.Client) bool {
		return !slices.ContainsFunc(configs, func(m VolumeConfig) bool { return m.Client.Name == c.Name })
	})
	found, missing, err := p.Find(ctx, wanted, say)
	usable = slices.DeleteFunc(slices.Clone(configs), func(m VolumeConfig) bool {
		return !slices.ContainsFunc(found, func(c volumes.Client) bool { return m.Client.Name == c.Name })
	})
	return usable, missing, err
}

// VolumeConfigNames are the names of all.
func VolumeConfigNames() (names []string) {
	for _, c := range VolumeConfigs {
		names = append(names, c.Name)
	}
	return names
}

// VolumeName is the configuration of a client.
func VolumeName(client string, exclusive bool) string {
	if exclusive {
		return client + exclusiveSuffix
	}
	return client
}

// Competitors are the configurations that one would use instead of ours, with
// one way of caching.
func Competitors(exclusive bool) (names []string) {
	for _, c := range VolumeConfigs {
		if c.Client.Competitor() && c.Exclusive == exclusive {
			names = append(names, c.Name)
		}
	}
	return names
}

// config is what runs the workloads for it.
func (c VolumeConfig) config(v *volumes.Volume) Config {
	var options []string
	if c.Exclusive {
		options = []string{optionExclusive}
	}
	return Config{Config: c.Config, Kind: Ours, Flags: append([]string{flagOn}, v.Flags()...), Options: options, Served: v.Options(),
		DirectFS: v.DirectFS(), Exclusive: c.Exclusive}
}
