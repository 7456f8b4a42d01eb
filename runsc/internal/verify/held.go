package verify

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/isolation"
	"golang.org/x/sys/unix"
)

// fileID identifies a file whatever its path is.
type fileID struct{ dev, ino uint64 }

// mount is one mount of a container that a gofer serves.
type mount struct {
	container string
	decision  directfspolicy.Decision
	source    string

	// files is the decision for the files that are served: another mount's where
	// that one hides this one.
	files directfspolicy.Decision

	// id and directory are what is at the source, if err is nil.
	id        fileID
	directory bool
	err       error

	// attributes are what its copy must carry, tree is the copy.
	attributes isolation.Attributes
	tree       tree
}

// String names the mount; in a pod, with its container.
func (m mount) String() string {
	if m.container == "" {
		return m.decision.Mount
	}
	return m.container + ":" + m.decision.Mount
}

func (m mount) direct() bool { return m.decision.Access == directfspolicy.DirectFS }

// virtual reports whether a volume serves the mount. It has no source, and no
// copy in the gofer.
func (m mount) virtual() bool { return m.decision.ServedByVolume() && !m.direct() }

func (m *mount) look() {
	if m.decision.ServedByVolume() || m.isOverlay() || m.isReport() {
		m.directory = !m.isReport()
		return // the source is only a name
	}
	var st unix.Stat_t
	if m.err = unix.Stat(m.source, &st); m.err != nil {
		return
	}
	m.id = fileID{uint64(st.Dev), st.Ino}
	m.directory = st.Mode&unix.S_IFMT == unix.S_IFDIR
}

// heldFiles is what a process has open (proc_pid_fd(5)), O_PATH included.
type heldFiles struct {
	ids  map[fileID]bool
	dirs []string // the magic links of directories
}

func readHeld(pid int) (heldFiles, error) {
	h := heldFiles{ids: map[fileID]bool{}}
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return h, err
	}
	for _, e := range entries {
		link := filepath.Join(dir, e.Name())
		var st unix.Stat_t
		err := unix.Stat(link, &st)
		if errors.Is(err, unix.ENOENT) {
			continue // closed in the meantime
		}
		if err != nil {
			return h, fmt.Errorf("looking at %s: %w", link, err)
		}
		h.ids[fileID{uint64(st.Dev), st.Ino}] = true
		if st.Mode&unix.S_IFMT == unix.S_IFDIR {
			h.dirs = append(h.dirs, link)
		}
	}
	return h, nil
}

// directories compares what the sandbox holds with what is donated to it, by
// all running containers of the pod, and what it could get at from there with
// what it may.
func (r *Report) directories(held heldFiles, p process, pod pod, limit int) error {
	mounts := pod.mounts()
	r.donated(held, pod)
	w := newWalker(mounts, limit)
	w.mounts = pod.mountIDs()
	w.addLayers(mounts)
	for _, m := range pod.members {
		if m.donatesDevices() {
			w.donated[m.devices.id] = true
		}
	}
	// A path from the root or the working directory is denied by the filters;
	// see sentryForms. These are looked at all the same.
	starts := append(held.dirs, fmt.Sprintf("/proc/%d/root", p.pid), fmt.Sprintf("/proc/%d/cwd", p.pid))
	for i, link := range starts {
		if err := w.start(link, i < len(held.dirs)); err != nil {
			return fmt.Errorf("looking around from %s: %w", link, err)
		}
	}
	r.reachable(w, mounts)
	return nil
}

// donated expects the root of every directfs mount to be held, and the
// directory of host devices where it is donated.
func (r *Report) donated(held heldFiles, pod pod) {
	var planned, actual, unknown []string
	for _, m := range pod.members {
		if m.plan.DonatesDevices() {
			planned = append(planned, m.devicesName())
		}
		if m.donatesDevices() && held.ids[m.devices.id] {
			actual = append(actual, m.devicesName())
		}
	}
	for _, m := range pod.mounts() {
		if !m.direct() || m.isForStart() {
			continue
		}
		planned = append(planned, m.String())
		switch {
		case m.err != nil:
			unknown = append(unknown, fmt.Sprintf("%v: %v", m, m.err))
		case held.ids[m.id]:
			actual = append(actual, m.String())
		}
	}
	if len(unknown) > 0 {
		r.unverified(CheckDirectories, "donated roots held", listOr(planned, "none"), listOr(actual, "none"), strings.Join(unknown, "; "))
		return
	}
	r.judge(CheckDirectories, "donated roots held", listOr(planned, "none"), listOr(actual, "none"), len(planned) == len(actual))
}

// reachable reports on what the walker found.
func (r *Report) reachable(w *walker, mounts []mount) {
	r.judge(CheckDirectories, "other directories held", "none", listOr(w.strangers, "none"), len(w.strangers) == 0)
	r.judge(CheckDirectories, "above the held directories", "nothing", listOr(w.above, "nothing"), len(w.above) == 0)
	var off, unknown, reached []string
	for _, m := range mounts {
		switch {
		case m.direct(), m.virtual(), m.isForStart():
			continue
		case m.err != nil:
			unknown = append(unknown, fmt.Sprintf("%v: %v", m, m.err))
		case w.reached[m.id] != "":
			reached = append(reached, fmt.Sprintf("%v (as %s)", m, w.reached[m.id]))
		}
		off = append(off, m.String())
	}
	for _, l := range w.layers {
		if w.reached[l.id] != "" {
			reached = append(reached, fmt.Sprintf("%s (as %s)", l.name, w.reached[l.id]))
		}
	}
	const item = "reachable from there"
	planned := "nothing else"
	if len(off) > 0 {
		planned = "nothing of " + listOr(off, "")
	}
	actual := fmt.Sprintf("nothing, in %d directories", len(w.seen))
	unknown = append(unknown, w.problems...)
	switch {
	case len(reached) > 0:
		r.judge(CheckDirectories, item, planned, strings.Join(reached, ", "), false)
	case len(unknown) > 0:
		r.unverified(CheckDirectories, item, planned, actual, strings.Join(unknown, "; "))
	default:
		r.judge(CheckDirectories, item, planned, actual, true)
	}
}

func listOr(list []string, none string) string {
	if len(list) == 0 {
		return none
	}
	sorted := slices.Clone(list)
	slices.Sort(sorted)
	return shorten(slices.Compact(sorted))
}
