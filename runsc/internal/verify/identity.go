package verify

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/directfs/runsc/directfspolicy"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func itoa(n int) string { return strconv.Itoa(n) }

// nobody is the only user of a new user namespace
// (runsc/sandbox/sandbox.go:1212).
const nobody = 65534

// idMap is a uid_map or gid_map (user_namespaces(7)).
type idMap []specs.LinuxIDMapping

func readIDMap(pid int, file string) (idMap, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	if err != nil {
		return nil, err
	}
	return parseIDMap(string(data))
}

func parseIDMap(text string) (idMap, error) {
	var m idMap
	for line := range strings.Lines(text) {
		var l specs.LinuxIDMapping
		if _, err := fmt.Sscan(line, &l.ContainerID, &l.HostID, &l.Size); err != nil {
			return nil, fmt.Errorf("id map %q: %w", line, err)
		}
		m = append(m, l)
	}
	return m, nil
}

// inside translates an id that this process sees to the id in the namespace.
func (m idMap) inside(id uint32) string {
	for _, l := range m {
		if id >= l.HostID && uint64(id) < uint64(l.HostID)+uint64(l.Size) {
			return strconv.FormatUint(uint64(id-l.HostID)+uint64(l.ContainerID), 10)
		}
	}
	return "unmapped"
}

// String has inside:outside:size for each range.
func (m idMap) String() string {
	var list []string
	for _, l := range m {
		list = append(list, fmt.Sprintf("%d:%d:%d", l.ContainerID, l.HostID, l.Size))
	}
	return strings.Join(list, " ")
}

// sandboxIDs compares who the sandbox process is, and its umask.
func (r *Report) sandboxIDs(p process, plan directfspolicy.Plan) error {
	planned := "0"
	if !plan.Sandbox().SpecUserNamespace {
		planned = itoa(nobody)
	}
	for _, kind := range []struct {
		name, file string
		of         func(status) [4]uint32
	}{
		{"uid", "uid_map", func(s status) [4]uint32 { return s.uid }},
		{"gid", "gid_map", func(s status) [4]uint32 { return s.gid }},
	} {
		m, err := readIDMap(p.pid, kind.file)
		if err != nil {
			return err
		}
		var have []string
		for _, t := range p.threads {
			for _, id := range kind.of(t) {
				have = append(have, m.inside(id))
			}
		}
		slices.Sort(have)
		r.compare(CheckIDs, kind.name+" in its namespace", planned, strings.Join(slices.Compact(have), " "))
	}
	r.umask(p, plan)
	return nil
}

// umask compares the file mode creation mask, which all threads share.
func (r *Report) umask(p process, plan directfspolicy.Plan) {
	mask := p.main().umask
	have := fmt.Sprintf("%#o", mask)
	switch {
	case plan.Sandbox().UmaskZero:
		r.compare(CheckUmask, "umask", "0", have)
	case mask == 0:
		r.note(CheckUmask, "umask", "untouched", have, "nobody knows whether the sandbox was started with umask 0 or set it")
	default:
		r.judge(CheckUmask, "umask", "untouched", have, true)
	}
}
