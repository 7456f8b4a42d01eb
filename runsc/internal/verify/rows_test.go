package verify

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// verdictOf returns the verdict of the only row with the item.
func verdictOf(t *testing.T, r *Report, item string) Verdict {
	t.Helper()
	var found []Row
	for _, row := range r.Rows {
		if row.Item == item {
			found = append(found, row)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d rows %q in %+v", len(found), item, r.Rows)
	}
	return found[0].Verdict
}

func raisedPlan(t *testing.T, hostNetwork bool) directfspolicy.Plan {
	t.Helper()
	p, err := directfspolicy.Resolve(directfspolicy.Request{Container: directfspolicy.Container{Flag: true, HostNetwork: hostNetwork},
		Rootfs: directfspolicy.Mount{Backend: directfspolicy.StockGofer}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// fake is a process of two threads, of which the second one has more.
func fake(s, t status) process { return process{pid: 1, threads: map[int]status{1: s, 2: t}} }

func TestSandboxCapabilities(t *testing.T) {
	five := status{effective: fiveCaps, permitted: fiveCaps, bounding: fiveCaps}
	with := func(change func(*status)) status { s := five; change(&s); return s }
	network := capsOf("CAP_NET_ADMIN")
	for _, c := range []struct {
		name        string
		thread      status
		plan        directfspolicy.Plan
		differs     string // the item, or empty
		hasSomeMore bool
	}{
		{"as planned", five, raisedPlan(t, false), "", false},
		{"effective", with(func(s *status) { s.effective |= capsOf("CAP_SYS_ADMIN") }), raisedPlan(t, false), "CapEff", false},
		{"permitted", with(func(s *status) { s.permitted |= 1 << 40 }), raisedPlan(t, false), "CapPrm", false},
		{"bounding", with(func(s *status) { s.bounding |= capsOf("CAP_SETUID") }), raisedPlan(t, false), "CapBnd", false},
		{"inheritable", with(func(s *status) { s.inheritable = capsOf("CAP_CHOWN") }), raisedPlan(t, false), "CapInh", false},
		{"ambient", with(func(s *status) { s.ambient = capsOf("CAP_CHOWN") }), raisedPlan(t, false), "CapAmb", false},
		{"ptrace", with(func(s *status) { s.effective |= capsOf("CAP_SYS_PTRACE") }), raisedPlan(t, false), "", true},
		{"network without host network", with(func(s *status) { s.effective |= network }), raisedPlan(t, false), "CapEff", false},
		{"network with host network", with(func(s *status) { s.effective |= network }), raisedPlan(t, true), "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &Report{}
			r.sandboxCapabilities(fake(five, c.thread), c.plan)
			for _, row := range r.Rows {
				if row.Verdict == Other {
					if !c.hasSomeMore {
						t.Errorf("unexpected %+v", row)
					}
				} else if differs := row.Verdict == Differs; differs != (row.Item == c.differs) {
					t.Errorf("%+v, want a difference at %q", row, c.differs)
				}
			}
		})
	}
}

func TestGoferCapabilities(t *testing.T) {
	six := fiveCaps | capsOf("CAP_SYS_CHROOT")
	ids := capsOf("CAP_SETUID", "CAP_SETGID")
	for _, set := range []func(*status) *caps{
		func(s *status) *caps { return &s.effective }, func(s *status) *caps { return &s.permitted },
		func(s *status) *caps { return &s.bounding }, func(s *status) *caps { return &s.inheritable },
		func(s *status) *caps { return &s.ambient },
	} {
		for _, c := range []struct {
			caps    caps
			uds     string
			differs bool
		}{{six, "none", false}, {0, "none", false}, {six | capsOf("CAP_SYS_ADMIN"), "all", true},
			{six | ids, "none", true}, {six | ids, "create", true}, {six | ids, "open", false}, {six | ids, "all", false}} {
			var s status
			*set(&s) = c.caps
			p := fake(status{}, s)
			p.args = []string{"runsc-gofer", "--host-uds=" + c.uds}
			r := &Report{}
			r.goferCapabilities(p)
			r.finish()
			if (r.Verdict == Differs) != c.differs {
				t.Errorf("%v with host-uds=%s: %+v", c.caps.list(), c.uds, r.Rows)
			}
		}
	}
}

func TestUmask(t *testing.T) {
	for _, c := range []struct {
		zero bool
		mask int
		want Verdict
	}{{true, 0, OK}, {true, 0o22, Differs}, {false, 0o22, OK}, {false, 0, Note}} {
		r := &Report{}
		var plan directfspolicy.Plan
		if c.zero {
			plan = raisedPlan(t, false)
		}
		r.umask(fake(status{umask: c.mask}, status{umask: c.mask}), plan)
		if got := verdictOf(t, r, "umask"); got != c.want {
			t.Errorf("zero planned: %v, umask %#o: %v, want %v", c.zero, c.mask, got, c.want)
		}
	}
}

func TestMapping(t *testing.T) {
	want := idMap{{ContainerID: 0, HostID: 100000, Size: 65536}}
	for _, c := range []struct {
		have    string
		outside bool
		verdict Verdict
	}{
		{"0 100000 65536\n", true, OK},
		{"0 0 65536\n", true, Differs},
		{"0 100000 65537\n", true, Differs},
		{"1 100000 65536\n", false, Differs},
		{"0 100000 65536\n65536 7 1\n", false, Differs},
		{"", false, Differs},
		{"0 5 65536\n", false, Note},
	} {
		have, err := parseIDMap(c.have)
		if err != nil {
			t.Fatal(err)
		}
		r := &Report{}
		r.mapping("uid_map", have, want, c.outside)
		if got := r.Rows[0].Verdict; got != c.verdict {
			t.Errorf("%q, outside %v: %v, want %v", c.have, c.outside, got, c.verdict)
		}
	}
	if got := want.inside(100007); got != "7" {
		t.Errorf("100007 is %s inside", got)
	}
	if got := want.inside(0); got != "unmapped" {
		t.Errorf("0 is %s inside", got)
	}
}

// A process that shares the runtime's namespace, has all privileges and no
// filter differs from every plan.
func TestPlainProcess(t *testing.T) {
	cmd := exec.Command("cat") // ends with its input
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer in.Close()
	p, err := readProcess(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	r := &Report{}
	if err := r.sandboxUserNS(p, raisedPlan(t, false), &specs.Spec{Linux: &specs.Linux{
		Namespaces: []specs.LinuxNamespace{{Type: specs.UserNamespace}}}}); err != nil {
		t.Fatal(err)
	}
	r.seccomp(p, sentryExpectation(raisedPlan(t, false)))
	for item, want := range map[string]Verdict{"user namespace": Differs, "seccomp": Differs, itemCalls: Unverified, itemRest: Unverified} {
		if got := verdictOf(t, r, item); got != want {
			t.Errorf("%s: %v, want %v", item, got, want)
		}
	}
}

func TestSeccompMode(t *testing.T) {
	two := status{seccomp: 2, filters: 2}
	for _, c := range []struct {
		s, t status
		want Verdict
	}{
		{two, two, OK},
		{two, status{seccomp: 2, filters: 1}, Differs},
		{two, status{seccomp: 0, filters: 2}, Differs},
		{status{seccomp: 1}, status{seccomp: 1}, Differs},
		{status{}, status{}, Differs},
	} {
		r := &Report{}
		r.seccompMode(fake(c.s, c.t))
		if got := verdictOf(t, r, "seccomp"); got != c.want {
			t.Errorf("%+v and %+v: %v, want %v", c.s, c.t, got, c.want)
		}
	}
}

// Every way in which filters can be wrong makes a row of its own differ.
func TestCalls(t *testing.T) {
	e := expectation{forms: sentryForms}
	some := []string{"openat"}
	for item, v := range map[string]verdicts{
		itemCalls: {missing: some}, itemRest: {extra: some}, itemForms: {forms: some}, itemForeign: {foreign: some},
	} {
		r := &Report{}
		r.calls(e, v)
		for _, row := range r.Rows {
			if (row.Verdict == Differs) != (row.Item == item) {
				t.Errorf("%+v: %+v", v, row)
			}
			if row.Item == item && !strings.Contains(row.Actual, "openat") {
				t.Errorf("%+v does not name the call", row)
			}
		}
	}
}
