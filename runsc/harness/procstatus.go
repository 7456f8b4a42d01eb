package harness

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/moby/sys/capability"
	"golang.org/x/sys/unix"
)

// Status is what /proc/pid/status says of a process's privileges (proc(5),
// proc_pid_status(5)), as seen from this process's namespaces.
type Status struct {
	Name string

	// State is one letter: R, S, Z and so on.
	State string

	PPid int

	// Uid and Gid are real, effective, saved and file system id.
	Uid, Gid [4]int

	Umask int

	// NSpid are the pids of the process, outermost namespace first.
	NSpid []int

	Inheritable, Permitted, Effective, Bounding, Ambient Caps

	NoNewPrivs bool

	// Seccomp is the mode (0 none, 1 strict, 2 filter), SeccompFilters the
	// number of filters (seccomp(2)).
	Seccomp, SeccompFilters int
}

// ReadStatus reads the status of a process's main thread.
func ReadStatus(pid int) (Status, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return Status{}, err
	}
	return parseStatus(data)
}

func parseStatus(data []byte) (Status, error) {
	f := map[string]string{}
	for line := range bytes.Lines(data) {
		if k, v, ok := strings.Cut(string(line), ":"); ok {
			f[k] = strings.TrimSpace(v)
		}
	}
	var p fieldParser
	s := Status{
		Name:           f["Name"],
		State:          f["State"][:min(1, len(f["State"]))],
		PPid:           int(p.number(f, "PPid", 10)),
		Umask:          int(p.number(f, "Umask", 8)),
		Inheritable:    Caps(p.number(f, "CapInh", 16)),
		Permitted:      Caps(p.number(f, "CapPrm", 16)),
		Effective:      Caps(p.number(f, "CapEff", 16)),
		Bounding:       Caps(p.number(f, "CapBnd", 16)),
		Ambient:        Caps(p.number(f, "CapAmb", 16)),
		NoNewPrivs:     p.number(f, "NoNewPrivs", 10) == 1,
		Seccomp:        int(p.number(f, "Seccomp", 10)),
		SeccompFilters: int(p.number(f, "Seccomp_filters", 10)),
		NSpid:          p.numbers(f, "NSpid"),
	}
	copy(s.Uid[:], p.numbers(f, "Uid"))
	copy(s.Gid[:], p.numbers(f, "Gid"))
	return s, p.err
}

// fieldParser keeps the first error, so that a field that is missing or strange
// is not read as 0, which would look like "no privilege".
type fieldParser struct{ err error }

func (p *fieldParser) number(f map[string]string, key string, base int) uint64 {
	n, err := strconv.ParseUint(f[key], base, 64)
	if err != nil && p.err == nil {
		p.err = fmt.Errorf("process status, field %s: %w", key, err)
	}
	return n
}

func (p *fieldParser) numbers(f map[string]string, key string) []int {
	var ns []int
	for _, w := range strings.Fields(f[key]) {
		ns = append(ns, int(p.number(map[string]string{key: w}, key, 10)))
	}
	if len(ns) == 0 && p.err == nil {
		p.err = fmt.Errorf("process status, field %s: empty", key)
	}
	return ns
}

// Caps is a set of capabilities, bit n for capability n (capabilities(7)).
type Caps uint64

// DirectFSCaps are the five that opening, creating and changing files of any
// owner takes.
const DirectFSCaps = Caps(1<<unix.CAP_CHOWN | 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_DAC_READ_SEARCH |
	1<<unix.CAP_FOWNER | 1<<unix.CAP_FSETID)

// Has reports whether all of d are in c.
func (c Caps) Has(d Caps) bool { return c&d == d }

// String is the set as proc(5) has it.
func (c Caps) String() string { return fmt.Sprintf("%016x", uint64(c)) }

// Names are those that specs have for the capabilities in the set.
func (c Caps) Names() []string {
	names := []string{}
	for _, known := range capability.ListKnown() {
		if c.Has(1 << known) {
			names = append(names, "CAP_"+strings.ToUpper(known.String()))
		}
	}
	return names
}

// UserNamespace returns the inode that identifies the process's user namespace
// (namespaces(7)). Compare it with that of os.Getpid().
func UserNamespace(pid int) (uint64, error) {
	var st unix.Stat_t
	if err := unix.Stat(fmt.Sprintf("/proc/%d/ns/user", pid), &st); err != nil {
		return 0, fmt.Errorf("user namespace of %d: %w", pid, err)
	}
	return st.Ino, nil
}

// IDMap is one line of a uid_map or gid_map (user_namespaces(7)).
type IDMap struct{ Inside, Outside, Size uint32 }

// UIDMap returns the user id mappings of the process's user namespace.
func UIDMap(pid int) ([]IDMap, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/uid_map", pid))
	if err != nil {
		return nil, err
	}
	var maps []IDMap
	for line := range strings.Lines(string(data)) {
		var m IDMap
		if _, err := fmt.Sscan(line, &m.Inside, &m.Outside, &m.Size); err != nil {
			return nil, fmt.Errorf("uid_map of %d: %w", pid, err)
		}
		maps = append(maps, m)
	}
	return maps, nil
}
