package directfspolicy

import "slices"

// Decision is what the policy decided for one mount.
//
// Invariant: WhyAccess alone implies Access, WhyCache Cache, and WhyGofer Gofer.
type Decision struct {
	// Mount is the destination; "/" is the rootfs.
	Mount string

	// Access says who performs the host file system calls.
	Access    Access
	WhyAccess Why

	// Cache is the cache mode.
	Cache    Cache
	WhyCache Why

	// Gofer is what serves the mount in place of the stock gofer. It is zero
	// where no hint names one.
	Gofer    GoferName
	WhyGofer Why

	// Outside says that another process than the container's gofer answers for
	// the volume that Gofer names. It is never set without one.
	Outside bool

	// Sources are as in the Request, for a mount that a gofer serves. Those of a
	// mount with a Gofer are a name of the volume, and no path.
	Sources []Source

	// Union and Layer are as in the Request.
	Union *Union
	Layer *Layer

	// ReadOnly says that no write to this mount reaches the host, SpecialFiles
	// that it is so but for the host's FIFOs and devices. Never both.
	ReadOnly     bool
	SpecialFiles bool
}

// imply sets the values that the reasons imply.
func (d *Decision) imply() {
	d.Access = reasonTable[d.WhyAccess.reason].access
	d.Cache = reasonTable[d.WhyCache.reason].cache
	d.implyGofer()
}

func (d *Decision) implyGofer() {
	if name, named := goferName(d.WhyGofer.name); named && d.Gofer != name {
		d.Gofer, d.Sources = name, []Source{name.source()}
	}
}

// ServedByVolume reports whether Gofer names a volume that serves the mount.
// Then the mount's source in the spec is only a name: nobody may open it.
func (d Decision) ServedByVolume() bool { return d.Gofer != GoferName{} }

// donated says whether the gofer hands the mount's root FD to the sandbox.
func (d Decision) donated() bool { return d.Access == DirectFS }

// promisedExclusive reports whether a user promised that nothing but the mount
// changes its files.
func (d Decision) promisedExclusive() bool { return d.WhyCache.reason == becauseHintExclusive }

// writes reports whether what is written to the mount reaches the host.
func (d Decision) writes() bool { return d.Access != NoAccess && !d.ReadOnly }

// writesTo reports whether it reaches the files of that source: an overlay's
// lower layers are only read.
func (d Decision) writesTo(s Source) bool {
	return d.writes() && s.Layer.written() && (d.Layer == nil || d.Layer.Kind.written())
}

// Plan is the outcome for one container: what was asked, and what was decided.
// All that follows from these is derived by its methods. After Resolve it is
// the only truth; nothing else may look at the flag or at a hint again.
//
// Only Resolve and UnmarshalJSON make one. The zero Plan grants nothing. Plans
// are values: no method changes one, and what a method returns is a copy.
type Plan struct {
	container Container

	// decisions has the rootfs first.
	decisions []Decision

	// unmatched are the hints that matched no mount.
	unmatched []Hint
}

// Container is what the Request says of the container beside its mounts.
func (p Plan) Container() Container { return p.container }

// Decisions holds the rootfs first, then the mounts in the order of the
// Request.
func (p Plan) Decisions() []Decision {
	out := slices.Clone(p.decisions)
	for i := range out {
		out[i].Sources = slices.Clone(out[i].Sources)
		out[i].Union, out[i].Layer = out[i].Union.copied(), out[i].Layer.copied()
	}
	return out
}

// Unmatched are the hints of a pod that matched no mount of this container,
// without those that ask for nothing.
func (p Plan) Unmatched() []Hint { return slices.Clone(p.unmatched) }

// Donations lists the destinations whose root FD the gofer donates, in the
// order of Decisions.
func (p Plan) Donations() []string {
	var all []string
	for _, d := range p.decisions {
		if d.donated() {
			all = append(all, d.Mount)
		}
	}
	return all
}

// DonatesDevices says whether the sentry lists and opens host devices itself,
// by an FD of the gofer's. It does where it may open files for writing anyway
// and this gofer, whose file server has no LisaFS mount, lacks the calls to do it.
func (p Plan) DonatesDevices() bool {
	return p.container.HostDevices && len(writing(p.raisedFor())) > 0 && len(p.servedByFiles()) == 0
}
