package policycmd

import "github.com/directfs/runsc/directfspolicy"

// view is a Plan for programs: what was decided, and what follows from it. The
// form in which a Plan is stored has the former alone.
type view struct {
	Flag        bool   `json:"flag"`
	Hints       string `json:"hints"`
	Scope       string `json:"scope"`
	HostNetwork bool   `json:"hostNetwork"`
	HostDevices bool   `json:"hostDevices"`

	Mounts    []mountView           `json:"mounts"`
	Unmatched []directfspolicy.Hint `json:"unmatched"`

	Sandbox        sandboxView              `json:"sandbox"`
	Sentry         []directfspolicy.SetName `json:"sentry"`
	Gofer          []directfspolicy.SetName `json:"gofer"`
	GoferCalls     []string                 `json:"goferCalls,omitempty"` // those of backends, which are in no set
	DonatesDevices bool                     `json:"donatesDevices"`
	Grants         []directfspolicy.Grant   `json:"grants"`
	Warnings       []directfspolicy.Warning `json:"warnings"`
}

// mountView is a Decision.
type mountView struct {
	Mount        string                  `json:"mount"`
	Access       string                  `json:"access"`
	Reason       string                  `json:"reason"`
	Why          string                  `json:"why"`
	Donated      bool                    `json:"donated"`
	Cache        string                  `json:"cache"`
	CacheReason  string                  `json:"cacheReason"`
	WhyCache     string                  `json:"whyCache"`
	Gofer        string                  `json:"gofer,omitempty"`
	GoferReason  string                  `json:"goferReason"`
	WhyGofer     string                  `json:"whyGofer"`
	Outside      bool                    `json:"outside,omitempty"` // of the gofer, in a process of its own
	Sources      []directfspolicy.Source `json:"sources,omitempty"`
	Union        *unionView              `json:"union,omitempty"`   // of an overlay
	Layer        *directfspolicy.Layer   `json:"layerOf,omitempty"` // of an overlay that the sentry makes
	ReadOnly     bool                    `json:"readOnly"`
	SpecialFiles bool                    `json:"specialFiles,omitempty"`
}

// unionView is a Union.
type unionView struct {
	Driver    string   `json:"driver"`
	Chosen    string   `json:"chosen"`
	HostFails string   `json:"hostFails,omitempty"`
	Source    string   `json:"source"`
	Options   []string `json:"options"`
}

// sandboxView is a Sandbox.
type sandboxView struct {
	Raised        bool                   `json:"raised"`
	RaisedFor     []directfspolicy.Cause `json:"raisedFor"`
	WritesHost    bool                   `json:"writesHost"`
	Capabilities  []string               `json:"capabilities"`
	UserNamespace string                 `json:"userNamespace"`
	UmaskZero     bool                   `json:"umaskZero"`
}

func viewOf(p directfspolicy.Plan) view {
	c, s := p.Container(), p.Sandbox()
	v := view{
		Flag: c.Flag, Hints: c.Ceiling.String(), Scope: c.Scope.String(), HostNetwork: c.HostNetwork, HostDevices: c.HostDevices,
		Unmatched: append([]directfspolicy.Hint{}, p.Unmatched()...),
		Sandbox: sandboxView{
			s.Raised, append([]directfspolicy.Cause{}, s.RaisedFor...), s.WritesHost,
			append([]string{}, s.Capabilities...), namespace(s), s.UmaskZero,
		},
		Sentry: p.Sentry(), Gofer: p.Gofer(), DonatesDevices: p.DonatesDevices(),
		Grants: p.Grants(), Warnings: append([]directfspolicy.Warning{}, p.Warnings()...),
	}
	v.GoferCalls, _ = backendCalls(p)
	for _, d := range p.Decisions() {
		v.Mounts = append(v.Mounts, mountView{
			d.Mount, d.Access.String(), d.WhyAccess.Reason(), d.WhyAccess.String(), d.Access == directfspolicy.DirectFS,
			d.Cache.String(), d.WhyCache.Reason(), d.WhyCache.String(),
			d.Gofer.String(), d.WhyGofer.Reason(), d.WhyGofer.String(), d.Outside, d.Sources, unionOf(d), d.Layer, d.ReadOnly, d.SpecialFiles,
		})
	}
	return v
}

func unionOf(d directfspolicy.Decision) *unionView {
	u := d.Union
	if u == nil {
		return nil
	}
	return &unionView{u.Driver.String(), u.Chosen.String(), u.HostFails, u.Source, append([]string{}, u.Options...)}
}
