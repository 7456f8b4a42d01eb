package verify

import (
	"fmt"
	"os"
	"slices"
	"strconv"

	"github.com/directfs/runsc/runsc/internal/isolation"
	"github.com/directfs/runsc/runsc/internal/volumes"
	"golang.org/x/sys/unix"
)

// goferRows compares the gofer of a container.
func (r *Report) goferRows(m member) error {
	if len(m.mounts) == 0 && !m.plan.Container().HostDevices {
		return nil
	}
	if m.gofer.missing != "" {
		r.compare(CheckGofer, "process", "running", m.gofer.missing)
		return nil
	}
	p := m.gofer.process
	r.goferCapabilities(p)
	if err := r.goferRoot(p, m); err != nil {
		return err
	}
	r.lockRow(p.pid, m.plan)
	e := goferExpectation(m.plan, volumes.Calls(m.plan))
	r.seccomp(p, e)
	return nil
}

// goferRoot expects the gofer's root to hold what it serves without donating a
// directory, each under a number, and the magic links by which it gets to the
// donated directories.
func (r *Report) goferRoot(p process, m member) error {
	root := fmt.Sprintf("/proc/%d/root", p.pid)
	entries, err := os.ReadDir(root)
	if err != nil {
		return fmt.Errorf("looking into the root of gofer %d: %w", p.pid, err)
	}
	var planned, actual, unknown []string
	serves := map[string]mount{}
	for i, mt := range m.mounts {
		if mt.err != nil {
			unknown = append(unknown, fmt.Sprintf("%v: %v", mt, mt.err))
		}
		if !mt.virtual() && (!mt.direct() || !mt.directory) {
			serves[mt.place(i)] = mt
			planned = append(planned, mt.decision.Mount)
		}
	}
	for _, e := range entries {
		if e.Name() == isolation.LinksName {
			continue
		}
		mt, expected := serves[e.Name()]
		id, err := identify(root + "/" + e.Name())
		switch {
		case err != nil:
			return err
		case expected && id == mt.id:
			actual = append(actual, mt.decision.Mount)
		case m.plan.Container().HostDevices && !m.plan.DonatesDevices() && e.Name() == strconv.Itoa(len(m.mounts)):
			r.other(CheckGofer, "root", "/dev, for host devices")
		default:
			actual = append(actual, "stranger "+e.Name())
		}
	}
	if len(unknown) > 0 {
		r.unverified(CheckGofer, "root", listOr(planned, "nothing"), listOr(actual, "nothing"), listOr(unknown, ""))
		return nil
	}
	r.judge(CheckGofer, "root", listOr(planned, "nothing"), listOr(actual, "nothing"), slices.Equal(sorted(planned), sorted(actual)))
	return nil
}

func sorted(list []string) []string { return slices.Sorted(slices.Values(list)) }

func identify(path string) (fileID, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return fileID{}, fmt.Errorf("looking at %s: %w", path, err)
	}
	return fileID{uint64(st.Dev), st.Ino}, nil
}
