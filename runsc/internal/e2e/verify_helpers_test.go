package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/harness"
	"github.com/directfs/runsc/runsc/internal/verify"
)

func checkVerifyError(t *testing.T, r *harness.Runtime, status int, message string, args ...string) {
	t.Helper()
	report, code, said := runVerify(t, r, args...)
	if code != status || said != "verify: "+message+"\n" || len(report.Rows) > 0 {
		t.Errorf("verify %q: exit status %d, %q, want %d, %q; rows: %d", args, code, said, status, message, len(report.Rows))
	}
}

// checkNoticed expects exit status 1 and a difference at every item.
func checkNoticed(t *testing.T, r *harness.Runtime, id string, items []string) {
	t.Helper()
	report, code, said := runVerify(t, r, id)
	if code != 1 || report.Verdict != verify.Differs {
		t.Errorf("exit status %d, %v, %s", code, report.Verdict, said)
	}
	for _, item := range items {
		subject, name, _ := strings.Cut(item, ": ")
		if name == "" {
			subject, name = "", item
		}
		if !slices.ContainsFunc(report.Rows, func(row verify.Row) bool {
			return row.Item == name && row.Verdict == verify.Differs && strings.HasPrefix(row.Subject, subject)
		}) {
			t.Errorf("no difference at %q in %+v", item, report.Rows)
		}
	}
}

// replan stores another valid plan for the container: one for the same mounts
// with other hints.
func replan(t *testing.T, r *harness.Runtime, id string, edit func(*directfspolicy.Request)) (undo func()) {
	t.Helper()
	data, err := os.ReadFile(planPath(t, r, id))
	if err != nil {
		t.Fatal(err)
	}
	var stored struct{ Plan json.RawMessage }
	if err := json.Unmarshal(data, &stored); err != nil {
		t.Fatal(err)
	}
	var p directfspolicy.Plan
	if err := json.Unmarshal(stored.Plan, &p); err != nil {
		t.Fatal(err)
	}
	req := directfspolicy.Request{Container: p.Container()}
	for _, d := range p.Decisions() {
		m := directfspolicy.Mount{Destination: d.Mount, Cache: d.Cache, ReadOnly: d.ReadOnly, Sources: d.Sources, Union: d.Union, Layer: d.Layer}
		if d.Access != directfspolicy.NoAccess {
			m.Backend = directfspolicy.StockGofer
			setHint(&m, d.Access == directfspolicy.DirectFS)
		}
		if d.Mount == "/" {
			req.Rootfs = m
		} else {
			req.Mounts = append(req.Mounts, m)
		}
	}
	edit(&req)
	fresh, err := directfspolicy.Resolve(req)
	if err != nil {
		t.Fatal(err)
	}
	return tamper(t, r, id, string(stored.Plan), string(mustJSON(t, fresh)))
}

func setHint(m *directfspolicy.Mount, on bool) {
	setting := directfspolicy.Off
	if on {
		setting = directfspolicy.On
	}
	m.Hints = []directfspolicy.Hint{{Knob: directfspolicy.DirectFSKnob, Key: "test", Setting: setting}}
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// quoted is a string as the state file has it.
func quoted(t *testing.T, s string) string {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	if err := e.Encode(s); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// withoutSysAdmin is a runtime whose commands run without CAP_SYS_ADMIN.
func withoutSysAdmin(t *testing.T, lab *harness.Lab) *harness.Runtime {
	t.Helper()
	dir, err := os.MkdirTemp(lab.Dir, "b")
	if err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf("#!/bin/sh\nexec %q %q \"$@\"\n", harness.Program(t, "./runsc/internal/e2e/unprivileged"), lab.Binary)
	r := *lab.Runtime
	r.Binary = filepath.Join(dir, "runsc")
	if err := os.WriteFile(r.Binary, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return &r
}
