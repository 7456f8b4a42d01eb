package engine

import (
	"fmt"
	"path"

	"github.com/directfs/runsc/directfspolicy"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"gvisor.dev/gvisor/runsc/specutils"
)

// Pair is what the Plan and the engine say about one mount of a spec.
type Pair struct {
	// Served says whether this container's gofer serves the mount. The other
	// fields are zero where it does not.
	Served bool

	// Decision is the Plan's.
	Decision directfspolicy.Decision

	// Overlay says whether the engine puts an overlay over the mount, which
	// takes all writes (runsc/specutils/gofer_conf.go:22).
	Overlay bool
}

// PairMounts returns what belongs to each of the spec's mounts, in their order.
// The engine tells mounts apart by position: confs has the rootfs first and then
// an entry for each mount that has a configuration. It must be given the mounts
// as they are in the spec, before symbolic links in their destinations are
// resolved. A mount that the engine gives to a gofer and the Plan does not know
// is an error: it is served to nobody.
func PairMounts(mounts []specs.Mount, confs []specutils.GoferMountConf, p directfspolicy.Plan) ([]Pair, error) {
	known := map[string][]directfspolicy.Decision{} // in the order of the spec
	for i, d := range p.Decisions() {
		if i > 0 && d.Access != directfspolicy.NoAccess {
			known[d.Mount] = append(known[d.Mount], d)
		}
	}
	out := make([]Pair, len(mounts))
	next := 1 // confs[0] is the rootfs
	for i, m := range mounts {
		if !specutils.HasMountConfig(m) {
			continue
		}
		if next >= len(confs) {
			return nil, fmt.Errorf("mount %q has no configuration", m.Destination)
		}
		conf := confs[next]
		next++
		if !conf.ShouldUseLisafs() {
			continue
		}
		place := path.Clean(m.Destination)
		if len(known[place]) == 0 {
			return nil, fmt.Errorf("mount %q is not in the plan", m.Destination)
		}
		out[i] = Pair{Served: true, Decision: known[place][0], Overlay: conf.ShouldUseOverlayfs()}
		known[place] = known[place][1:]
	}
	return out, nil
}

// PairRootfs is PairMounts for the rootfs.
func PairRootfs(confs []specutils.GoferMountConf, p directfspolicy.Plan) (Pair, error) {
	if len(confs) == 0 || !confs[0].ShouldUseLisafs() {
		return Pair{}, nil
	}
	d, ok := rootfsDecision(p)
	if !ok {
		return Pair{}, fmt.Errorf("the rootfs is not in the plan")
	}
	return Pair{Served: true, Decision: d, Overlay: confs[0].ShouldUseOverlayfs()}, nil
}
