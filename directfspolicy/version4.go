package directfspolicy

import (
	"errors"
	"slices"
)

// decision4 is a decision of version 4 of a stored Plan, which had no overlays.
type decision4 struct{ wireDecision }

func (d4 decision4) decision() (Decision, error) {
	if d4.Union != nil || d4.Layer != nil || slices.ContainsFunc(d4.Sources, func(s Source) bool { return s.Layer != NoLayer }) {
		return Decision{Mount: d4.Mount}, errors.New("it has an overlay, which version 4 has not")
	}
	return d4.wireDecision.decision()
}
