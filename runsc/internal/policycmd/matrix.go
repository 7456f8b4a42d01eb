package policy

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/google/subcommands"
	"gvisor.dev/gvisor/runsc/flag"
)

// matrix is "policy matrix".
type matrix struct{ format string }

// Name implements subcommands.Command.Name.
func (*matrix) Name() string { return "matrix" }

// Synopsis implements subcommands.Command.Synopsis.
func (*matrix) Synopsis() string { return "the decision table, as this binary decides" }

// Usage implements subcommands.Command.Usage.
func (*matrix) Usage() string {
	return `policy matrix [options] - the decision table, as this binary decides.

Asks the policy for every combination of flag, hint and backend, for every
cache hint, and for what each kind of mount gives the sandbox and the gofer.

  runsc policy matrix
  runsc policy matrix --format=markdown
`
}

// SetFlags implements subcommands.Command.SetFlags.
func (m *matrix) SetFlags(f *flag.FlagSet) {
	f.StringVar(&m.format, "format", "text", "output `FORMAT`: text, markdown or json")
}

// Execute implements subcommands.Command.Execute.
func (m *matrix) Execute(_ context.Context, f *flag.FlagSet, _ ...any) subcommands.ExitStatus {
	err := noArguments(f)
	if err == nil {
		err = oneOf("--format", m.format, "text", "markdown", "json")
	}
	if err != nil {
		return fail(m.Name(), err)
	}
	text, err := writeMatrix(m.format)
	if err != nil {
		return fail(m.Name(), err)
	}
	fmt.Print(text)
	return exitOK
}

// decisionRow is what is decided for one combination.
type decisionRow struct {
	Flag    bool                   `json:"flag"`
	Hint    directfspolicy.Setting `json:"hint"`
	Backend string                 `json:"backend"`

	// Access is empty, and Refused says why, where the container is refused.
	Access  string `json:"access,omitempty"`
	Donated bool   `json:"donated"`
	Reason  string `json:"reason,omitempty"`
	Refused string `json:"refused,omitempty"`
}

// decisionRows asks the policy for every combination.
func decisionRows() []decisionRow {
	var rows []decisionRow
	for _, backend := range []directfspolicy.Backend{directfspolicy.StockGofer, directfspolicy.DonatingGofer, directfspolicy.VirtualGofer, directfspolicy.NoGofer} {
		for _, hint := range []directfspolicy.Setting{directfspolicy.Unset, directfspolicy.Default, directfspolicy.On, directfspolicy.Off} {
			for _, flag := range []bool{true, false} {
				rows = append(rows, decide(flag, hint, backend))
			}
		}
	}
	return rows
}

func decide(flag bool, hint directfspolicy.Setting, backend directfspolicy.Backend) decisionRow {
	row := decisionRow{Flag: flag, Hint: hint, Backend: backend.String()}
	m := directfspolicy.Mount{Destination: "/data", Backend: backend, Hints: []directfspolicy.Hint{{Key: "hint", Setting: hint}}}
	p, err := directfspolicy.Resolve(directfspolicy.Request{Flag: flag, Mounts: []directfspolicy.Mount{m}})
	if err != nil {
		row.Refused = refusal(err)
		return row
	}
	d := p.Decisions[1]
	row.Access, row.Donated, row.Reason = d.Access.String(), d.Donated, d.Reason.String()
	return row
}

// refusal is the reason of a refusal without what the user wrote.
func refusal(err error) string {
	var he *directfspolicy.HintError
	if errors.As(err, &he) {
		return he.Err.Error()
	}
	return err.Error()
}

// consequenceRow is what one kind of mount, or another cause, leads to alone.
type consequenceRow struct {
	Cause         string   `json:"cause"`
	Capabilities  []string `json:"capabilities"`
	UserNamespace string   `json:"userNamespace"`
	Umask         string   `json:"umask"`
	Sentry        []string `json:"sentry"`
	Gofer         []string `json:"gofer"`
}

// consequenceRows asks the policy what follows from each cause alone.
func consequenceRows() []consequenceRow {
	mount := func(access directfspolicy.Access, readOnly bool) directfspolicy.Plan {
		return alone(directfspolicy.Decision{Mount: "/data", Access: access, ReadOnly: readOnly})
	}
	on := []directfspolicy.Hint{{Key: "hint", Setting: directfspolicy.On}}
	var rows []consequenceRow
	for _, c := range []cause{
		{"directfs mount, writes", mount(directfspolicy.DirectFS, false)},
		{"directfs mount, read-only", mount(directfspolicy.DirectFS, true)},
		{"lisafs mount, writes", mount(directfspolicy.LisaFS, false)},
		{"lisafs mount, read-only", mount(directfspolicy.LisaFS, true)},
		{"mount without a gofer", mount(directfspolicy.NoAccess, false)},
		{"pod sandbox, flag true", resolve(directfspolicy.Request{Scope: directfspolicy.PodSandbox, Flag: true})},
		{"pod sandbox, flag false, no hint on", resolve(directfspolicy.Request{Scope: directfspolicy.PodSandbox})},
		{"pod sandbox, flag false, a hint on", resolve(directfspolicy.Request{Scope: directfspolicy.PodSandbox, Unmatched: on})},
		{"host network", resolve(directfspolicy.Request{HostNetwork: true})},
	} {
		rows = append(rows, consequenceRow{
			Cause:         c.name,
			Capabilities:  c.plan.Sandbox.Capabilities,
			UserNamespace: c.plan.Sandbox.UserNamespace.String(),
			Umask:         umask(c.plan.Sandbox),
			Sentry:        setNames(c.plan.Sentry),
			Gofer:         setNames(c.plan.Gofer),
		})
	}
	return rows
}

func (r decisionRow) cells() []string {
	access, why := r.Access, r.Reason
	if r.Refused != "" {
		access, why = "refused", r.Refused
	}
	return []string{fmt.Sprint(r.Flag), r.Hint.String(), r.Backend, access, yesNo(r.Donated), why}
}

func (r consequenceRow) cells() []string {
	capabilities := strings.Join(r.Capabilities, " ")
	if capabilities == "" {
		capabilities = "none for files"
	}
	return []string{r.Cause, capabilities, r.UserNamespace, r.Umask, strings.Join(r.Sentry, " "), strings.Join(r.Gofer, " ")}
}
