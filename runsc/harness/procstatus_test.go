package harness

import (
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A raised sandbox, shortened.
const raisedStatus = `Name:	exe
Umask:	0000
State:	S (sleeping)
PPid:	1
Uid:	0	1	2	3
Gid:	4	5	6	7
NSpid:	11556	1
CapInh:	0000000000000000
CapPrm:	000000000008001f
CapEff:	000000000008001f
CapBnd:	000000000004001e
CapAmb:	0000000000000000
NoNewPrivs:	1
Seccomp:	2
Seccomp_filters:	3
`

func TestParseStatus(t *testing.T) {
	s, err := parseStatus([]byte(raisedStatus))
	if err != nil {
		t.Fatal(err)
	}
	if s.Name != "exe" || s.State != "S" || s.PPid != 1 || s.Umask != 0 || !s.NoNewPrivs || s.Seccomp != 2 || s.SeccompFilters != 3 {
		t.Errorf("got %+v", s)
	}
	if s.Uid != [4]int{0, 1, 2, 3} || s.Gid != [4]int{4, 5, 6, 7} || !slices.Equal(s.NSpid, []int{11556, 1}) {
		t.Errorf("ids are %v, %v, %v", s.Uid, s.Gid, s.NSpid)
	}
	if !s.Effective.Has(DirectFSCaps) || s.Bounding.Has(DirectFSCaps) || !s.Effective.Has(1<<unix.CAP_SYS_PTRACE) {
		t.Errorf("capabilities are %v effective, %v bounding", s.Effective, s.Bounding)
	}
}

func TestParseStatusRefusesMissingFields(t *testing.T) {
	for line := range strings.Lines(raisedStatus) {
		if strings.HasPrefix(line, "Name") || strings.HasPrefix(line, "State") {
			continue
		}
		if _, err := parseStatus([]byte(strings.Replace(raisedStatus, line, "", 1))); err == nil {
			t.Errorf("status without %q was accepted", line)
		}
	}
}

func TestStatusOfThisProcess(t *testing.T) {
	s, err := ReadStatus(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	mask := unix.Umask(0)
	unix.Umask(mask)
	if s.PPid != os.Getppid() || s.Umask != mask || s.Uid[1] != os.Geteuid() || !s.Effective.Has(DirectFSCaps) {
		t.Errorf("got %+v", s)
	}
	if ns, err := UserNamespace(os.Getpid()); err != nil || ns == 0 {
		t.Errorf("user namespace %d, %v", ns, err)
	}
	if m, err := UIDMap(os.Getpid()); err != nil || len(m) == 0 || m[0].Size == 0 {
		t.Errorf("uid map %v, %v", m, err)
	}
}

func TestCapsNames(t *testing.T) {
	got := (DirectFSCaps | 1<<63).Names()
	want := []string{"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID"}
	if !slices.Equal(got, want) {
		t.Errorf("names are %q, want %q", got, want)
	}
}
