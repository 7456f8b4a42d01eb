package verify

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
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

	// Note: nobody can see it from outside of the sandbox, whatever the
	// privileges. The row says why.
	Note Verdict = "note"

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
const ReportVersion = 2

// Report is what a verification found.
type Report struct {
	Version int `json:"version"`

	// Root is the state directory in which the container was found.
	Root string `json:"root"`

	Sandbox    string   `json:"sandbox"`
	Containers []string `json:"containers"`
	Rows       []Row    `json:"rows"`

	// Strict says that notes count as what could not be looked at.
	Strict bool `json:"strict"`

	// Verdict is the worst of the rows', but for Other, and for Note unless
	// Strict is set.
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

// note adds a row for what nobody can see.
func (r *Report) note(c Check, item, planned, actual, why string) {
	r.add(Row{Check: c, Item: item, Planned: planned, Actual: actual, Verdict: Note, Detail: why})
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
		case r.unseen(row) && r.Verdict == OK:
			r.Verdict = Unverified
		}
	}
}

// unseen reports whether it is not known if the row's item is as planned, and
// that counts.
func (r *Report) unseen(row Row) bool {
	return row.Verdict == Unverified || r.Strict && row.Verdict == Note
}

// unverifiedBeyond reports whether a row of a check that is not in the list
// could not be verified.
func (r *Report) unverifiedBeyond(allowed []Check) bool {
	return slices.ContainsFunc(r.Rows, func(row Row) bool {
		return r.unseen(row) && !slices.Contains(allowed, row.Check)
	})
}

// JSON writes the report as one JSON object.
func (r *Report) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}
