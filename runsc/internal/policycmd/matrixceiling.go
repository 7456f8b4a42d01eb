package policycmd

import (
	"fmt"

	"github.com/directfs/runsc/directfspolicy"
)

// ceilingRow is what becomes of one hint under one value of --directfs-hints.
type ceilingRow struct {
	Ceiling string `json:"hints"`
	Flag    bool   `json:"flag"`
	Hint    string `json:"hint"`
	Verdict string `json:"verdict"`
}

// ceilingRows asks the policy for every ceiling, flag and hint.
func ceilingRows() []ceilingRow {
	var rows []ceilingRow
	for _, c := range []directfspolicy.Ceiling{directfspolicy.AllHints, directfspolicy.NarrowHints, directfspolicy.NoHints} {
		for _, flag := range []bool{true, false} {
			for _, k := range directfspolicy.Knobs() {
				for _, h := range hintsOf(k) {
					row := ceilingRow{c.String(), flag, string(k) + "=" + string(h.Setting), "counts"}
					if _, err := directfspolicy.Resolve(withGofer(directfspolicy.Request{
						Container: directfspolicy.Container{Flag: flag, Ceiling: c},
						Mounts:    []directfspolicy.Mount{{Destination: "/data", Backend: directfspolicy.StockGofer, Hints: []directfspolicy.Hint{h}}},
					}, directfspolicy.Gofer{})); err != nil {
						row.Verdict = "refused: " + refusal(err)
					}
					rows = append(rows, row)
				}
			}
		}
	}
	return rows
}

// hintsOf are the hints that there can be about a knob, one of each meaning.
func hintsOf(k directfspolicy.Knob) []directfspolicy.Hint {
	var all []directfspolicy.Hint
	if k == directfspolicy.GoferKnob {
		all = hinted(k, directfspolicy.Setting(goferOfMatrix.String()))
	}
	for _, word := range k.Allowed() {
		h, err := directfspolicy.ParseHint(k, "hint", word, "")
		if err != nil || word != string(h.Setting) {
			continue // the form of a name, or another word for the same
		}
		all = append(all, h)
	}
	return all
}

func (r ceilingRow) cells() []string {
	return []string{r.Ceiling, fmt.Sprint(r.Flag), r.Hint, r.Verdict}
}
