package docs_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
)

// TestDecisionTable compares every combination with the rows of the document:
// each fits exactly one, and Resolve does what that says.
func TestDecisionTable(t *testing.T) {
	var rows [][]string
	for line := range strings.Lines(read(t, "decision-table.md")) {
		if cells := strings.Split(strings.Trim(line, "| \n"), " | "); len(cells) == 5 && cells[0] != "flag" && cells[0] != "---" {
			rows = append(rows, cells)
		}
	}
	for _, f := range []bool{true, false} {
		for hint, setting := range map[string]directfspolicy.Setting{"absent": directfspolicy.Unset, "default": directfspolicy.Default, "on": directfspolicy.On, "off": directfspolicy.Off} {
			for _, b := range []directfspolicy.Backend{directfspolicy.NoGofer, directfspolicy.StockGofer, directfspolicy.VirtualGofer, directfspolicy.DonatingGofer} {
				fits := slices.DeleteFunc(slices.Clone(rows), func(r []string) bool {
					return r[0] != "any" && r[0] != fmt.Sprint(f) || !slices.Contains(strings.Split(r[1], ", "), hint) || !fitsBackend(r[2], b)
				})
				if len(fits) != 1 {
					t.Errorf("flag %t, hint %s, %v: %d rows fit", f, hint, b, len(fits))
					continue
				}
				access, reason := resolved(f, setting, b)
				if access != fits[0][3] || !strings.HasSuffix(reason, fits[0][4]) && !strings.Contains(reason, ": "+fits[0][4]+";") {
					t.Errorf("flag %t, hint %s, %v: Resolve says %s, %s; the table says %s, %s", f, hint, b, access, reason, fits[0][3], fits[0][4])
				}
			}
		}
	}
}

func fitsBackend(word string, b directfspolicy.Backend) bool {
	switch word {
	case "donating":
		return b == directfspolicy.StockGofer || b == directfspolicy.DonatingGofer
	case "virtual":
		return b == directfspolicy.VirtualGofer
	case "any gofer":
		return b != directfspolicy.NoGofer
	}
	return word == "none" && b == directfspolicy.NoGofer
}

func resolved(f bool, s directfspolicy.Setting, b directfspolicy.Backend) (access, reason string) {
	p, err := directfspolicy.Resolve(directfspolicy.Request{Container: directfspolicy.Container{Flag: f}, Rootfs: directfspolicy.Mount{
		Backend: b, Hints: []directfspolicy.Hint{{Knob: directfspolicy.DirectFSKnob, Key: "key", Setting: s}},
	}})
	if err != nil {
		return "refused", err.Error()
	}
	return p.Decisions()[0].Access.String(), p.Decisions()[0].WhyAccess.Reason()
}
