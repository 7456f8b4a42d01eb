package fuzz

import (
	"fmt"
	"slices"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
	"github.com/directfs/runsc/runsc/enginetest"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// kind is where a difference shows.
type kind string

const (
	refusedHere  kind = "refused here, accepted by upstream"
	refusedThere kind = "accepted here, refused by upstream"
	access       kind = "access"
	cacheMode    kind = "cache mode"
	donation     kind = "donation"
	goferSet     kind = "gofer's LisaFS calls"
	privileges   kind = "sandbox raised"
	reading      kind = "sandbox holds what reading needs"
)

// observed is one difference.
type observed struct {
	kind      kind
	c         enginetest.Case
	spec, pod *specs.Spec
	plan      directfspolicy.Plan
	planErr   error
	theirs    verdict

	// For access, cache mode and donation: which decision. 0 is the rootfs.
	index    int
	decision directfspolicy.Decision
}

func (o observed) as(k kind) observed {
	o.kind = k
	return o
}

func (o observed) String() string {
	return fmt.Sprintf("%s: mount %d, %+v; error here: %v; there: %+v", o.kind, o.index, o.decision, o.planErr, o.theirs)
}

// explain names the intended differences that this one is.
func (o observed) explain() (names []string) {
	for _, d := range differences {
		if slices.Contains(d.kinds, o.kind) && d.holds(o) {
			names = append(names, d.name)
		}
	}
	return names
}

// difference is one intended difference from upstream: a row of
// docs/upstream-differences.md, and how to recognize it in a spec.
type difference struct {
	name  string
	kinds []kind
	holds func(observed) bool
}

var differences = []difference{
	// What upstream ignores, or takes with a warning, is an error.
	{"bad value refused", []kind{refusedHere}, badValue},
	{"similar key refused", []kind{refusedHere}, similarKey},
	{"relative source refused", []kind{refusedHere}, relativeSource},
	{"option injection refused", []kind{refusedHere}, refusedFor(ociconfig.ErrMountOption)},
	{"conflicting hints refused", []kind{refusedHere}, conflict},
	{"tmpfs by bind refused", []kind{refusedHere}, tmpfsByBind},
	{"hint without source refused", []kind{refusedHere}, refusedFor(ociconfig.ErrNoSource)},
	{"hint without mount refused", []kind{refusedHere}, noMount},
	{"hint without gofer refused", []kind{refusedHere}, withoutGofer},
	{"shared cache under an overlay refused", []kind{refusedHere}, refusedFor(directfspolicy.ErrOverlay)},
	{"broken promise refused", []kind{refusedHere}, brokenPromise},
	{"unknown gofer refused", []kind{refusedHere}, refusedFor(directfspolicy.ErrUnknownGofer)},
	{"overlay in the source of a volume refused", []kind{refusedHere}, refusedFor(ociconfig.ErrOverlayInSource)},
	{"on without a root to donate refused", []kind{refusedHere}, refusedFor(directfspolicy.ErrCannotDonate)},
	{"part of a volume refused", []kind{refusedHere}, refusedFor(directfspolicy.ErrPartOfVolume)},
	{"unclear destination refused", []kind{refusedHere}, twins},
	{"unraised sandbox refused", []kind{refusedHere}, notRaised},

	// What upstream refuses works.
	{"rootfs hint alone", []kind{refusedThere}, rootfsAlone},
	{"on, true, false for the rootfs", []kind{refusedThere}, rootfsWord},
	{"cache hint for the rootfs", []kind{refusedThere}, rootfsCache},
	{"gofer hint for the rootfs", []kind{refusedThere}, rootfsGofer},
	{"two names, one complete", []kind{refusedThere}, sharedSource},

	// What upstream ignores is honoured.
	{"on under --directfs=false", []kind{access, donation, privileges}, onUnderFalse},
	{"cache hint", []kind{cacheMode}, func(o observed) bool { return o.decision.WhyCache.Reason()[:4] == "hint" }},
	{"gofer hint", []kind{access, donation, goferSet}, servedByVolume},
	{"off as a mount option", []kind{access}, offBecause(func(s statement) bool { return s.option })},
	{"false means off", []kind{access}, offBecause(func(s statement) bool { return s.value == "false" })},
	{"source and directfs alone", []kind{access}, offBecause(func(s statement) bool { return !s.complete })},
	{"sources compared cleaned", []kind{access}, offBecause(func(s statement) bool { return s.respelled })},
	{"hints of the joining container", []kind{access}, offBecause(func(s statement) bool { return s.own })},

	// What follows from the decisions, and from nothing else.
	{"off mounts not donated", []kind{donation}, offNotDonated},
	{"sandbox raised only if used", []kind{privileges}, notUsed},
	{"only reading where nothing is written", []kind{reading}, nothingWritten},
	{"LisaFS calls only if used", []kind{goferSet}, func(o observed) bool { return !usesLisaFS(o.plan) }},
	{"LisaFS calls where needed", []kind{goferSet}, lisaFSNeeded},
}
