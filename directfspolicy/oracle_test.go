package directfspolicy

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// oracle spells out what becomes of one mount: D for directfs, L for LisaFS,
// N for none; C and G are the refusals "cannot donate" and "not a gofer
// mount". It is written by hand, not made from decisionTable, so that a slip
// in one shows in the other.
var oracle = map[string]string{
	"false unset no gofer":       "N not-gofer",
	"false unset stock gofer":    "L flag-off",
	"false unset virtual gofer":  "L flag-off",
	"false unset donating gofer": "L flag-off",

	"false default no gofer":       "N not-gofer",
	"false default stock gofer":    "L flag-off",
	"false default virtual gofer":  "L flag-off",
	"false default donating gofer": "L flag-off",

	"false on no gofer":       "G",
	"false on stock gofer":    "D hint-on",
	"false on virtual gofer":  "C",
	"false on donating gofer": "D hint-on",

	"false off no gofer":       "N not-gofer",
	"false off stock gofer":    "L hint-off",
	"false off virtual gofer":  "L hint-off",
	"false off donating gofer": "L hint-off",

	"true unset no gofer":       "N not-gofer",
	"true unset stock gofer":    "D flag-on",
	"true unset virtual gofer":  "L cannot-donate",
	"true unset donating gofer": "D flag-on",

	"true default no gofer":       "N not-gofer",
	"true default stock gofer":    "D flag-on",
	"true default virtual gofer":  "L cannot-donate",
	"true default donating gofer": "D flag-on",

	"true on no gofer":       "G",
	"true on stock gofer":    "D hint-on",
	"true on virtual gofer":  "C",
	"true on donating gofer": "D hint-on",

	"true off no gofer":       "N not-gofer",
	"true off stock gofer":    "L hint-off",
	"true off virtual gofer":  "L hint-off",
	"true off donating gofer": "L hint-off",
}

var oracleAccess = map[byte]Access{'D': DirectFS, 'L': LisaFS, 'N': NoAccess}

func consult(flag bool, m Mount) string {
	m = asServed(m)
	s := "unset"
	for _, h := range about(m.Hints, DirectFSKnob) {
		s = cmp.Or(string(h.Setting), s)
	}
	v, ok := oracle[fmt.Sprintf("%t %v %v", flag, s, m.Backend)]
	if !ok {
		panic(fmt.Sprintf("the oracle does not know %t %v %v", flag, s, m.Backend))
	}
	return v
}

func TestOracleAgreesWithTable(t *testing.T) {
	if len(oracle) != len(allFlags)*len(allHints)*len(allServers) {
		t.Errorf("the oracle has %d entries", len(oracle))
	}
	for _, flag := range allFlags {
		for _, s := range allHints {
			for _, b := range allServers {
				line, got := linesOf(flag, s, b)[0], consult(flag, hinted("/x", b, s))
				want := map[Access]string{DirectFS: "D ", LisaFS: "L ", NoAccess: "N "}[line.access] + line.reason.String()
				switch line.err {
				case ErrCannotDonate:
					want = "C"
				case ErrNotGoferMount:
					want = "G"
				}
				if got != want {
					t.Errorf("%t %v %v: oracle %q, table %q", flag, s, b, got, want)
				}
			}
		}
	}
}

// checkOracle compares the outcome with what the oracle's words add up to.
// verdicts has one word for the rootfs and each mount.
func checkOracle(t rapid.TB, r Request, verdicts []string) {
	t.Helper()
	word := wordFor(r, verdicts)
	p, err := Resolve(r)
	refusals := refusalsOf(r, word)
	if len(refusals) > 0 {
		if !slices.ContainsFunc(refusals, func(e error) bool { return errors.Is(err, e) }) {
			t.Fatalf("%+v: error %v, want one of %v", r, err, refusals)
		}
		if !reflect.DeepEqual(p, Plan{}) {
			t.Fatalf("%+v: plan %+v with an error", r, p)
		}
		return
	}
	if err != nil {
		t.Fatalf("%+v: %v", r, err)
	}
	if len(p.Decisions()) != len(verdicts) {
		t.Fatalf("%+v: %d decisions", r, len(p.Decisions()))
	}
	for i, d := range p.Decisions() {
		if d.ReadOnly != mountAt(r, i).ReadOnly {
			t.Fatalf("%+v: decision %d is read-only: %t", r, i, d.ReadOnly)
		}
		if cache, reason := cacheVerdict(mountAt(r, i)); d.Cache != cache || d.WhyCache.reason != reason || d.Access != NoAccess && !slices.Equal(d.Sources, mountAt(r, i).Sources) {
			t.Fatalf("%+v: decision %d is cached as %v because %v, want %v because %v", r, i, d.Cache, d.WhyCache.reason, cache, reason)
		}
		if want := goferOf(mountAt(r, i)); d.Gofer != want || (d.WhyGofer.reason == becauseHintGofer) != (want != GoferName{}) {
			t.Fatalf("%+v: decision %d is served by %q because of %v, want %q", r, i, d.Gofer, d.WhyGofer, want)
		}
		if d.Access != oracleAccess[verdicts[i][0]] || d.WhyAccess.reason.String() != verdicts[i][2:] {
			t.Fatalf("%+v: decision %d is %v because %v, want %s", r, i, d.Access, d.WhyAccess.reason, verdicts[i])
		}
	}
	checkOracleGrants(t, r, p, word)
}

// mountAt returns the rootfs for 0, and then the mounts, as they are served.
func mountAt(r Request, i int) Mount {
	if i == 0 {
		return asServed(r.Rootfs)
	}
	return asServed(r.Mounts[i-1])
}

// wordFor has the first letter of each verdict, or instead of L a V for a volume
// that the gofer answers for and an O for one that another process answers for; a
// small one for a mount that is served and read-only.
func wordFor(r Request, verdicts []string) string {
	word := make([]byte, len(verdicts))
	for i, v := range verdicts {
		word[i] = v[0]
		if n := goferOf(mountAt(r, i)); v[0] == 'L' && n != (GoferName{}) {
			word[i] = map[bool]byte{false: 'V', true: 'O'}[answers[n].Outside]
		}
		if mountAt(r, i).ReadOnly && strings.Contains("DLVO", string(word[i])) {
			word[i] += 'a' - 'A'
		}
	}
	return string(word)
}

func refusalsOf(r Request, word string) []error {
	var out []error
	if strings.Contains(word, "C") {
		out = append(out, ErrCannotDonate)
	}
	if strings.Contains(word, "G") {
		out = append(out, ErrNotGoferMount)
	}
	if r.Scope == Standalone && slices.ContainsFunc(r.SourceHints, func(h SourceHint) bool { return h.Setting != Unset }) {
		out = append(out, ErrNoMount)
	}
	return out
}

// checkOracleGrants compares everything that follows from the decisions.
func checkOracleGrants(t rapid.TB, r Request, p Plan, word string) {
	t.Helper()
	announced := slices.ContainsFunc(r.SourceHints, func(h SourceHint) bool { return h.Setting == On })
	for _, m := range append([]Mount{r.Rootfs}, r.Mounts...) {
		announced = announced || slices.ContainsFunc(m.Hints, func(h Hint) bool { return h.Setting == On && h.PodWide })
	}
	hopes := r.Scope == PodSandbox && (r.Flag || announced)
	raised := strings.ContainsAny(word, "Dd") || hopes
	writes := strings.Contains(word, "D") || hopes

	var caps []string
	ns, sentry := false, []SetName{"sentry-base"}
	if r.HostNetwork {
		ns = true
	}
	if raised {
		caps = []string{"CAP_DAC_READ_SEARCH"}
		ns = true
		sentry = []SetName{"sentry-base", "sentry-host-filesystem-read"}
	}
	if writes {
		caps = []string{"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID"}
		sentry = []SetName{"sentry-base", "sentry-host-filesystem"}
	}
	gofer := []SetName{"gofer-base"}
	switch {
	case strings.Contains(word, "D"):
		gofer = append(gofer, "gofer-directfs-fallback")
	case strings.Contains(word, "d"):
		gofer = append(gofer, "gofer-directfs-fallback-read")
	}
	devices := r.HostDevices && !(writes && !strings.ContainsAny(word, "Ll"))
	if p.DonatesDevices() != (r.HostDevices && !devices) {
		t.Fatalf("%+v: devices are donated: %t", r, p.DonatesDevices())
	}
	if strings.ContainsAny(word, "Vv") {
		gofer = append(gofer, "gofer-volume")
	}
	switch {
	case strings.Contains(word, "L"):
		gofer = append(gofer, "gofer-lisafs")
	case strings.Contains(word, "l") || devices:
		gofer = append(gofer, "gofer-lisafs-read")
	}
	s := p.Sandbox()
	if s.Raised != raised || s.WritesHost != writes || s.UmaskZero != raised || s.SpecUserNamespace != ns || !slices.Equal(s.Capabilities, caps) {
		t.Fatalf("%+v: sandbox %+v, want raised=%t and user namespace %v", r, s, raised, ns)
	}
	if !slices.Equal(p.Sentry(), sentry) || !slices.Equal(p.Gofer(), gofer) {
		t.Fatalf("%+v: seccomp %v and %v, want %v and %v", r, p.Sentry(), p.Gofer(), sentry, gofer)
	}
	var donations []string
	for i, d := range p.Decisions() {
		direct := word[i] == 'D' || word[i] == 'd'
		if direct {
			donations = append(donations, d.Mount)
		}
		if d.donated() != direct {
			t.Fatalf("%+v: %+v for %s", r, d, word)
		}
	}
	if !slices.Equal(p.Donations(), donations) {
		t.Fatalf("%+v: donations %v, want %v", r, p.Donations(), donations)
	}
}
