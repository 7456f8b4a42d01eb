package verify

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// Verdict is the outcome of a comparison.
type Verdict string

const (
	// OK: what is, is what was planned.
	OK Verdict = "ok"

	// Differs: it is not.
	Differs Verdict = "differs"

	// Unverified: it could not be looked at. The row says why.
	Unverified Verdict = "not verifiable here"

	// Other: something that the Plan does not speak about.
	Other Verdict = "other"
)

// Check names what rows are about. It is what --allow-unverified takes.
type Check string

const (
	CheckMounts       Check = "mounts"
	CheckCapabilities Check = "capabilities"
	CheckIDs          Check = "ids"
	CheckUmask        Check = "umask"
	CheckUserNS       Check = "userns"
	CheckDirectories  Check = "directories"
	CheckSeccomp      Check = "seccomp"
	CheckGofer        Check = "gofer"
)

// checks lists all of them.
var checks = []Check{CheckMounts, CheckCapabilities, CheckIDs, CheckUmask, CheckUserNS, CheckDirectories, CheckSeccomp, CheckGofer}

// Row is one comparison.
type Row struct {
	// Subject is who was looked at: a container, or one of its processes.
	Subject string `json:"subject"`

	Check   Check   `json:"check"`
	Item    string  `json:"item"`
	Planned string  `json:"planned"`
	Actual  string  `json:"actual"`
	Verdict Verdict `json:"verdict"`

	// Detail says more where the verdict is not OK.
	Detail string `json:"detail,omitempty"`
}

// ReportVersion is the version of the JSON form.
const ReportVersion = 1

// Report is what a verification found.
type Report struct {
	Version    int      `json:"version"`
	Sandbox    string   `json:"sandbox"`
	Containers []string `json:"containers"`
	Rows       []Row    `json:"rows"`

	// Verdict is the worst of the rows', but for Other.
	Verdict Verdict `json:"verdict"`

	subject string
}

// about makes the following rows be about the subject.
func (r *Report) about(format string, args ...any) { r.subject = fmt.Sprintf(format, args...) }

// add adds a row with a verdict of its own.
func (r *Report) add(row Row) {
	row.Subject = r.subject
	r.Rows = append(r.Rows, row)
}

// compare adds a row whose verdict is whether the texts are equal.
func (r *Report) compare(c Check, item, planned, actual string) {
	r.judge(c, item, planned, actual, planned == actual)
}

func (r *Report) judge(c Check, item, planned, actual string, ok bool) {
	v := Differs
	if ok {
		v = OK
	}
	r.add(Row{Check: c, Item: item, Planned: planned, Actual: actual, Verdict: v})
}

// unverified adds a row for what could not be looked at.
func (r *Report) unverified(c Check, item, planned, actual, why string) {
	r.add(Row{Check: c, Item: item, Planned: planned, Actual: actual, Verdict: Unverified, Detail: why})
}

// other adds a row for what is there and no business of the Plan.
func (r *Report) other(c Check, item, actual string) {
	r.add(Row{Check: c, Item: item, Planned: "-", Actual: actual, Verdict: Other})
}

// finish sets the overall verdict.
func (r *Report) finish() {
	r.Version = ReportVersion
	r.Verdict = OK
	for _, row := range r.Rows {
		switch {
		case row.Verdict == Differs:
			r.Verdict = Differs
		case row.Verdict == Unverified && r.Verdict == OK:
			r.Verdict = Unverified
		}
	}
}

// unverifiedBeyond reports whether a row of a check that is not in the list
// could not be verified.
func (r Report) unverifiedBeyond(allowed []Check) bool {
	return slices.ContainsFunc(r.Rows, func(row Row) bool {
		return row.Verdict == Unverified && !slices.Contains(allowed, row.Check)
	})
}

// JSON writes the report as one JSON object.
func (r Report) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// Text writes the report as tables, one for each subject.
func (r Report) Text(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	subject := ""
	for i, row := range r.Rows {
		if row.Subject != subject {
			if i > 0 {
				fmt.Fprintln(t)
			}
			subject = row.Subject
			fmt.Fprintf(t, "%s\n  ITEM\tPLANNED\tACTUAL\tVERDICT\n", subject)
		}
		verdict := string(row.Verdict)
		if row.Detail != "" {
			verdict += ": " + row.Detail
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\n", row.Item, row.Planned, row.Actual, verdict)
	}
	fmt.Fprintf(t, "\nverdict: %s\n", r.Verdict)
	return t.Flush()
}
