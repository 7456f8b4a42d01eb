package policycmd

import (
	"cmp"
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
func (*matrix) Synopsis() string { return "print the decision table of this binary" }

// Usage implements subcommands.Command.Usage.
func (*matrix) Usage() string {
	return `policy matrix [options] - print the decision table of this binary.

Asks the policy for every combination of flag, hint and backend, for every
cache hint and gofer hint, and for what each kind of mount gives the sandbox and
the gofer.

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
	Flag    bool   `json:"flag"`
	Hint    string `json:"hint"`
	Backend string `json:"backend"`

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
	row := decisionRow{Flag: flag, Hint: hintWord(hint), Backend: backend.String()}
	m := directfspolicy.Mount{Destination: "/data", Backend: backend, Hints: hinted(directfspolicy.DirectFSKnob, hint)}
	p, err := directfspolicy.Resolve(directfspolicy.Request{Container: directfspolicy.Container{Flag: flag}, Mounts: []directfspolicy.Mount{m}})
	if err != nil {
		row.Refused = refusal(err)
		return row
	}
	d := p.Decisions()[1]
	row.Access, row.Donated, row.Reason = d.Access.String(), d.Access == directfspolicy.DirectFS, d.WhyAccess.Reason()
	return row
}

// hinted is a hint as the only one of a mount.
func hinted(k directfspolicy.Knob, s directfspolicy.Setting) []directfspolicy.Hint {
	return []directfspolicy.Hint{{Knob: k, Key: "hint", Setting: s}}
}

// hintWord is the setting, or that there is none.
func hintWord(s directfspolicy.Setting) string { return cmp.Or(string(s), "unset") }

// refusal is the reason of a refusal without what the user wrote.
func refusal(err error) string {
	for _, f := range directfspolicy.Findings(err) {
		if reason := errors.Unwrap(f); reason != nil {
			return reason.Error()
		}
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

// consequences are requests in which one thing asks for something.
func consequences() []struct {
	cause   string
	request directfspolicy.Request
} {
	mount := func(flag, readOnly bool) directfspolicy.Request {
		m := directfspolicy.Mount{Destination: "/data", Backend: directfspolicy.StockGofer, ReadOnly: readOnly}
		return directfspolicy.Request{Container: directfspolicy.Container{Flag: flag}, Mounts: []directfspolicy.Mount{m}}
	}
	volume := func(readOnly bool, g directfspolicy.Gofer) directfspolicy.Request {
		r := withGofer(mount(true, readOnly), g)
		r.Mounts[0].Hints = hinted(directfspolicy.GoferKnob, directfspolicy.Setting(goferOfMatrix.String()))
		return r
	}
	on := []directfspolicy.SourceHint{{Hint: hinted(directfspolicy.DirectFSKnob, directfspolicy.On)[0]}}
	return []struct {
		cause   string
		request directfspolicy.Request
	}{
		{"directfs mount, writes", mount(true, false)},
		{"directfs mount, read-only", mount(true, true)},
		{"lisafs mount, writes", mount(false, false)},
		{"lisafs mount, read-only", mount(false, true)},
		{"volume of a backend in the gofer, writes", volume(false, directfspolicy.Gofer{})},
		{"volume of a backend in the gofer, read-only", volume(true, directfspolicy.Gofer{})},
		{"volume of another process, writes", volume(false, directfspolicy.Gofer{Outside: true})},
		{"root donated by another process, writes", volume(false, directfspolicy.Gofer{Outside: true, DonatesRoot: true})},
		{"mount without a gofer", directfspolicy.Request{Mounts: []directfspolicy.Mount{{Destination: "/tmp"}}}},
		{"pod sandbox, flag true", directfspolicy.Request{Container: directfspolicy.Container{Scope: directfspolicy.PodSandbox, Flag: true}}},
		{"pod sandbox, flag false, no hint on", directfspolicy.Request{Container: directfspolicy.Container{Scope: directfspolicy.PodSandbox}}},
		{"pod sandbox, flag false, a hint on", directfspolicy.Request{Container: directfspolicy.Container{Scope: directfspolicy.PodSandbox}, SourceHints: on}},
		{"host network", directfspolicy.Request{Container: directfspolicy.Container{HostNetwork: true}}},
		{"host devices", directfspolicy.Request{Container: directfspolicy.Container{HostDevices: true}}},
	}
}

// consequenceRows asks the policy what follows from each cause alone.
func consequenceRows() ([]consequenceRow, error) {
	var rows []consequenceRow
	for _, c := range consequences() {
		p, err := directfspolicy.Resolve(c.request)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.cause, err)
		}
		s := p.Sandbox()
		rows = append(rows, consequenceRow{
			Cause:         c.cause,
			Capabilities:  append([]string{}, s.Capabilities...),
			UserNamespace: namespace(s),
			Umask:         umask(s),
			Sentry:        setNames(p.Sentry()),
			Gofer:         setNames(p.Gofer()),
		})
	}
	return rows, nil
}

func (r decisionRow) cells() []string {
	access, why := r.Access, r.Reason
	if r.Refused != "" {
		access, why = "refused", r.Refused
	}
	return []string{fmt.Sprint(r.Flag), r.Hint, r.Backend, access, yesNo(r.Donated), why}
}

func (r consequenceRow) cells() []string {
	capabilities := strings.Join(r.Capabilities, " ")
	if capabilities == "" {
		capabilities = "none for files"
	}
	return []string{r.Cause, capabilities, r.UserNamespace, r.Umask, strings.Join(r.Sentry, " "), strings.Join(r.Gofer, " ")}
}
