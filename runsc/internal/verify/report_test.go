package verify

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/engine"
	"golang.org/x/sys/unix"
)

func TestWorstVerdictCounts(t *testing.T) {
	for _, c := range []struct {
		rows []Verdict
		want Verdict
	}{
		{nil, OK}, {[]Verdict{OK, Other}, OK}, {[]Verdict{OK, Unverified, OK}, Unverified},
		{[]Verdict{Unverified, Differs, OK}, Differs}, {[]Verdict{Differs, Unverified}, Differs},
		{[]Verdict{OK, Note}, OK}, {[]Verdict{Note, Unverified}, Unverified}, {[]Verdict{Note, Differs}, Differs},
	} {
		r := &Report{}
		for _, v := range c.rows {
			r.add(Row{Check: CheckIDs, Verdict: v})
		}
		if r.finish(); r.Verdict != c.want {
			t.Errorf("%v gives %v, want %v", c.rows, r.Verdict, c.want)
		}
		if r.Strict = true; c.want == OK && slices.Contains(c.rows, Note) {
			c.want = Unverified
		}
		if r.finish(); r.Verdict != c.want {
			t.Errorf("strictly, %v gives %v, want %v", c.rows, r.Verdict, c.want)
		}
	}
}

func TestUnverifiedBeyond(t *testing.T) {
	r := &Report{}
	r.note(CheckMounts, "i", "p", "a", "why")
	if r.unverifiedBeyond(nil) {
		t.Error("a note counts")
	}
	strict := &Report{Strict: true, Rows: r.Rows}
	r = &Report{}
	r.unverified(CheckMounts, "i", "p", "a", "why")
	for _, r := range []*Report{r, strict} {
		if r.unverifiedBeyond([]Check{CheckMounts}) || !r.unverifiedBeyond([]Check{CheckSeccomp}) || !r.unverifiedBeyond(nil) {
			t.Error("--allow-unverified is for the named checks alone")
		}
	}
}

// The text has what matters and fits; JSON has everything.
func TestForms(t *testing.T) {
	long := strings.Repeat("/long/path", 20)
	r := &Report{Root: "/run/runsc", Sandbox: "s", Containers: []string{"c"}}
	r.about("sandbox process %d", 7)
	r.judge(CheckIDs, "uid", "0", "1", false)
	r.judge(CheckIDs, "gid", "0 as planned", "0", true)
	r.judge(CheckSeccomp, "calls", "few", strings.Repeat("call ", 50)+"end", true)
	r.about("container c")
	r.note(CheckMounts, "/ cache", "shared", "not shown", "an overlay")
	r.unverified(CheckMounts, long, strings.Repeat("word ", 50)+"last", long, "gone")
	r.finish()
	var js bytes.Buffer
	if err := r.JSON(&js); err != nil {
		t.Fatal(err)
	}
	for _, width := range []int{minWidth, maxWidth} {
		for _, verbose := range []bool{false, true} {
			var b bytes.Buffer
			if err := r.Text(&b, width, verbose); err != nil {
				t.Fatal(err)
			}
			text := b.String()
			for line := range strings.Lines(text) {
				if n := utf8.RuneCountInString(line) - 1; n > width {
					t.Errorf("a line of %d columns, want %d: %s", n, width, line)
				}
			}
			for _, want := range []string{"state in /run/runsc\n", "sandbox process 7\n", "  DIFFERS  uid\n             planned  0\n             actual   1\n",
				"why      an overlay\n", " last\n", "verdict: differs, with 1 note"} {
				if !strings.Contains(text, want) {
					t.Errorf("no %q in\n%s", want, text)
				}
			}
			if strings.Contains(text, "as planned") != verbose || strings.Contains(text, "end\n") != verbose || strings.Contains(text, "ok       gid: 0\n") == verbose {
				t.Errorf("verbose=%v:\n%s", verbose, text)
			}
		}
	}
	var back Report
	if err := json.Unmarshal(js.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	if back.Version != 2 || len(back.Rows) != 5 || back.Rows[3].Detail != "an overlay" || back.Rows[0].Subject != "sandbox process 7" || back.Rows[4].Actual != long || back.Root != "/run/runsc" {
		t.Errorf("%+v", back)
	}
}

func TestExitStatus(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{fail(exitUnknown, "no such"), 3},
		{fmt.Errorf("more: %w", fail(exitNotRunning, "stopped")), 4},
		{fmt.Errorf("c: %w", engine.ErrNoPlan), 5},
		{directfspolicy.ErrPlanVersion, 5},
		{directfspolicy.ErrInvalidPlan, 5},
		{&fs.PathError{Op: "open", Path: "/proc/1/fd", Err: unix.EACCES}, 6},
		{unix.EPERM, 6},
		{errors.New("anything else"), 7},
	} {
		if got := exitStatus(c.err); got != c.want {
			t.Errorf("%v: %d, want %d", c.err, got, c.want)
		}
	}
}

const statusText = "Name:\trunsc\nUmask:\t0022\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\n" +
	"CapInh:\t0000000000000000\nCapPrm:\t000000000000001f\nCapEff:\t0000000000000004\nCapBnd:\t000001ffffffffff\nCapAmb:\t0000000000000000\n" +
	"Seccomp:\t2\nSeccomp_filters:\t3\n"

func TestParseStatus(t *testing.T) {
	got, err := parseStatus([]byte(statusText))
	want := status{uid: [4]uint32{1, 2, 3, 4}, gid: [4]uint32{5, 6, 7, 8}, umask: 0o22,
		permitted: 0x1f, effective: capsOf("CAP_DAC_READ_SEARCH"), bounding: 0x1ffffffffff, seccomp: 2, filters: 3}
	if err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	// A field that is missing or strange must not read as no privilege.
	for line := range strings.Lines(statusText) {
		if strings.HasPrefix(line, "Name") {
			continue
		}
		if _, err := parseStatus([]byte(strings.Replace(statusText, line, "", 1))); err == nil {
			t.Errorf("without %q there is no error", line)
		}
		key, _, _ := strings.Cut(line, "\t")
		if _, err := parseStatus([]byte(strings.Replace(statusText, line, key+"\tstrange\n", 1))); err == nil {
			t.Errorf("with a strange %s there is no error", key)
		}
	}
}
