package directfspolicy

import (
	"testing"

	"pgregory.net/rapid"
)

// Each property is a fuzz target too: the fuzzer's bytes are the draws.

func FuzzTable(f *testing.F)                   { f.Fuzz(rapid.MakeFuzz(propTable)) }
func FuzzOffIsNeverDonated(f *testing.F)       { f.Fuzz(rapid.MakeFuzz(propOffIsNeverDonated)) }
func FuzzOffNeverWidens(f *testing.F)          { f.Fuzz(rapid.MakeFuzz(propOffNeverWidens)) }
func FuzzUnmatchedOffNeverWidens(f *testing.F) { f.Fuzz(rapid.MakeFuzz(propUnmatchedOffNeverWidens)) }
func FuzzOnNeverNarrowsOthers(f *testing.F)    { f.Fuzz(rapid.MakeFuzz(propOnNeverNarrowsOthers)) }
func FuzzNoDirectFSGrantsNothing(f *testing.F) { f.Fuzz(rapid.MakeFuzz(propNoDirectFSGrantsNothing)) }
func FuzzDecisionIsLocal(f *testing.F)         { f.Fuzz(rapid.MakeFuzz(propDecisionIsLocal)) }
func FuzzPermutation(f *testing.F)             { f.Fuzz(rapid.MakeFuzz(propPermutation)) }
func FuzzInvariants(f *testing.F)              { f.Fuzz(rapid.MakeFuzz(propInvariants)) }
func FuzzPure(f *testing.F)                    { f.Fuzz(rapid.MakeFuzz(propPure)) }
func FuzzRoundTrip(f *testing.F)               { f.Fuzz(rapid.MakeFuzz(propRoundTrip)) }
func FuzzTampering(f *testing.F)               { f.Fuzz(rapid.MakeFuzz(propTampering)) }
func FuzzFaultsRefuse(f *testing.F)            { f.Fuzz(rapid.MakeFuzz(propFaultsRefuse)) }
func FuzzAdmit(f *testing.F)                   { f.Fuzz(rapid.MakeFuzz(propAdmit)) }
func FuzzPodHintsAreKept(f *testing.F)         { f.Fuzz(rapid.MakeFuzz(propPodHintsAreKept)) }
func FuzzSetLaws(f *testing.F)                 { f.Fuzz(rapid.MakeFuzz(propSetLaws)) }
