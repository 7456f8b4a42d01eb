package e2e

import (
	"bytes"
	"encoding/json"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/e2e/harness"
	"github.com/directfs/runsc/runsc/policy/verify"
	"golang.org/x/sys/unix"
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
	stored := readStored(t, r, id)
	old := stored.Spec.Annotations["dev.gvisor.internal.directfs-plan"]
	var p directfspolicy.Plan
	if err := json.Unmarshal([]byte(old), &p); err != nil {
		t.Fatal(err)
	}
	req := directfspolicy.Request{Flag: p.Flag, Scope: p.Scope, HostNetwork: p.HostNetwork}
	for _, d := range p.Decisions {
		m := directfspolicy.Mount{Destination: d.Mount, Cache: d.Cache, ReadOnly: d.ReadOnly}
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
	return tamper(t, r, id, quoted(t, old), quoted(t, string(mustJSON(t, fresh))))
}

func setHint(m *directfspolicy.Mount, on bool) {
	setting := directfspolicy.Off
	if on {
		setting = directfspolicy.On
	}
	m.Hints = []directfspolicy.Hint{{Key: "test", Setting: setting}}
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

// trace attaches to a process's main thread as a debugger would, while do runs.
func trace(t *testing.T, pid int, do func()) {
	t.Helper()
	attached, stop, done := make(chan error), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		// The thread is never unlocked, so it ends here, and the tracing with it.
		runtime.LockOSThread()
		attached <- unix.PtraceSeize(pid)
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				passOn(pid)
			}
		}
	}()
	defer func() { close(stop); <-done }()
	if err := <-attached; err != nil {
		t.Fatal(err)
	}
	do()
}

// passOn lets a traced thread that stopped for a signal go on with it.
func passOn(pid int) {
	var status unix.WaitStatus
	got, err := unix.Wait4(pid, &status, unix.WALL|unix.WNOHANG, nil)
	if err != nil || got != pid || !status.Stopped() {
		return
	}
	signal := 0
	if int(status)>>16 == 0 {
		signal = int(status.StopSignal())
	}
	// It may have been killed.
	_ = unix.PtraceCont(pid, signal)
}
