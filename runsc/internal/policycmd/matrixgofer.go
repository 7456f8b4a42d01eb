package policycmd

import (
	"cmp"
	"errors"

	"github.com/directfs/runsc/directfspolicy"
)

// goferOfMatrix stands for any volume of any backend.
var goferOfMatrix = directfspolicy.GoferName{Backend: "blob", Volume: "models"}

// withGofer registers the backend with one answer.
func withGofer(r directfspolicy.Request, g directfspolicy.Gofer) directfspolicy.Request {
	r.Backends = []string{goferOfMatrix.Backend}
	r.Gofers = map[directfspolicy.GoferName]directfspolicy.Gofer{goferOfMatrix: g}
	return r
}

// goferRow is what is decided for one gofer hint, with --directfs=true.
type goferRow struct {
	Hint string `json:"hint"`

	// Backend is what the named backend says about the volume.
	Backend string `json:"backend"`
	Mount   string `json:"mount"`

	// Access is empty, and Refused says why, where the container is refused.
	Access  string `json:"access,omitempty"`
	Reason  string `json:"reason,omitempty"`
	Refused string `json:"refused,omitempty"`
}

// goferRows asks the policy for every gofer hint, with every answer of a backend
// and on every kind of mount.
func goferRows() []goferRow {
	mount := directfspolicy.Mount{Destination: "/data", Backend: directfspolicy.StockGofer}
	on, reader, local := mount, mount, mount
	on.Hints = hinted(directfspolicy.DirectFSKnob, directfspolicy.On)
	reader.ReadOnly = true
	local.Backend = directfspolicy.NoGofer
	kinds := []struct {
		name  string
		mount directfspolicy.Mount
	}{{"writes", mount}, {"writes, directfs=on", on}, {"read-only", reader}, {"not a bind mount", local}}
	rows := []goferRow{}
	for _, hint := range []directfspolicy.Setting{directfspolicy.Unset, directfspolicy.Default} {
		for _, k := range kinds[:1] {
			rows = append(rows, decideGofer(hint, "not asked", k.name, k.mount, directfspolicy.Request{}))
		}
	}
	for _, a := range []struct {
		name    string
		request directfspolicy.Request
	}{
		{"donates its root", withGofer(directfspolicy.Request{}, directfspolicy.Gofer{DonatesRoot: true})},
		{"cannot donate", withGofer(directfspolicy.Request{}, directfspolicy.Gofer{})},
		{"cannot donate, read-only", withGofer(directfspolicy.Request{}, directfspolicy.Gofer{ReadOnly: true})},
		{"does not serve it", withGofer(directfspolicy.Request{}, directfspolicy.Gofer{Err: errors.New("unknown volume")})},
		{"is not registered", directfspolicy.Request{}},
	} {
		for _, k := range kinds {
			rows = append(rows, decideGofer(directfspolicy.Setting(goferOfMatrix.String()), a.name, k.name, k.mount, a.request))
		}
	}
	return rows
}

// decideGofer gives the hint to the mount.
func decideGofer(hint directfspolicy.Setting, answer, kind string, m directfspolicy.Mount, r directfspolicy.Request) goferRow {
	row := goferRow{Hint: hintWord(hint), Backend: answer, Mount: kind}
	m.Hints = append(hinted(directfspolicy.GoferKnob, hint), m.Hints...)
	r.Flag, r.Mounts = true, []directfspolicy.Mount{m}
	p, err := directfspolicy.Resolve(r)
	if err != nil {
		row.Refused = refusal(err)
		return row
	}
	d := p.Decisions()[1]
	row.Access, row.Reason = d.Access.String(), d.WhyGofer.Reason()
	return row
}

func (r goferRow) cells() []string {
	access := cmp.Or(r.Access, "refused")
	return []string{r.Hint, r.Backend, r.Mount, access, cmp.Or(r.Refused, r.Reason)}
}
