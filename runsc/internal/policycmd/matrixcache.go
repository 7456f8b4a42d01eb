package policycmd

import "github.com/directfs/runsc/directfspolicy"

// cacheRow is what is decided for one cache hint on one kind of mount.
type cacheRow struct {
	Hint  string `json:"hint"`
	Mount string `json:"mount"`

	// Cache is empty, and Refused says why, where the container is refused.
	Cache   string `json:"cache,omitempty"`
	Reason  string `json:"reason,omitempty"`
	Refused string `json:"refused,omitempty"`
}

// cacheRows asks the policy for every cache hint on every kind of mount.
func cacheRows() []cacheRow {
	served := directfspolicy.Mount{Destination: "/data", Backend: directfspolicy.StockGofer, Sources: []directfspolicy.Source{{Path: "/srv/data"}}}
	exclusive, overlaid, local := served, served, served
	exclusive.Cache = directfspolicy.CacheExclusive
	overlaid.Overlay, overlaid.ReadOnly = true, true
	local.Backend = directfspolicy.NoGofer
	writer := directfspolicy.Mount{Destination: "/other", Backend: directfspolicy.StockGofer, Sources: served.Sources}
	reader := writer
	reader.ReadOnly = true
	var rows []cacheRow
	for _, kind := range []struct {
		name   string
		mounts []directfspolicy.Mount
	}{
		{"shared by default", []directfspolicy.Mount{served}},
		{"exclusive by default", []directfspolicy.Mount{exclusive}},
		{"under an overlay, shared by default", []directfspolicy.Mount{overlaid}},
		{"another mount reads the same files", []directfspolicy.Mount{served, reader}},
		{"another mount writes the same files", []directfspolicy.Mount{served, writer}},
		{"not served by a gofer", []directfspolicy.Mount{local}},
	} {
		for _, hint := range []directfspolicy.Setting{directfspolicy.Unset, directfspolicy.Default, directfspolicy.Shared, directfspolicy.Exclusive} {
			rows = append(rows, decideCache(kind.name, hint, kind.mounts))
		}
	}
	return rows
}

// decideCache gives the hint to the first of the mounts.
func decideCache(name string, hint directfspolicy.Setting, mounts []directfspolicy.Mount) cacheRow {
	row := cacheRow{Hint: hintWord(hint), Mount: name}
	mounts[0].Hints = hinted(directfspolicy.CacheKnob, hint)
	p, err := directfspolicy.Resolve(directfspolicy.Request{Mounts: mounts})
	if err != nil {
		row.Refused = refusal(err)
		return row
	}
	d := p.Decisions()[1]
	row.Cache, row.Reason = d.Cache.String(), d.WhyCache.Reason()
	if d.Access == directfspolicy.NoAccess {
		row.Cache, row.Reason = "none", d.WhyAccess.String()
	}
	return row
}

func (r cacheRow) cells() []string {
	if r.Refused != "" {
		return []string{r.Hint, r.Mount, "refused", r.Refused}
	}
	return []string{r.Hint, r.Mount, r.Cache, r.Reason}
}
