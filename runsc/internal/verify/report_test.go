package verify

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

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
	} {
		r := &Report{}
		for _, v := range c.rows {
			r.add(Row{Check: CheckIDs, Verdict: v})
		}
		if r.finish(); r.Verdict != c.want {
			t.Errorf("%v gives %v, want %v", c.rows, r.Verdict, c.want)
		}
	}
}

func TestUnverifiedBeyond(t *testing.T) {
	r := &Report{}
	r.unverified(CheckMounts, "i", "p", "a", "why")
	if r.unverifiedBeyond([]Check{CheckMounts}) || !r.unverifiedBeyond([]Check{CheckSeccomp}) || !r.unverifiedBeyond(nil) {
		t.Error("--allow-unverified is for the named checks alone")
	}
}

func TestForms(t *testing.T) {
	r := &Report{Sandbox: "s", Containers: []string{"c"}}
	r.about("sandbox process %d", 7)
	r.judge(CheckIDs, "uid", "0", "1", false)
	r.about("container c")
	r.unverified(CheckMounts, "/ cache", "shared", "not shown", "an overlay")
	r.finish()
	var text, js bytes.Buffer
	if err := errors.Join(r.Text(&text), r.JSON(&js)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"sandbox process 7\n", "differs\n", "not verifiable here: an overlay\n", "verdict: differs\n"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, text.String())
		}
	}
	var back Report
	if err := json.Unmarshal(js.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	if back.Version != 1 || len(back.Rows) != 2 || back.Rows[1].Detail != "an overlay" || back.Rows[0].Subject != "sandbox process 7" {
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
