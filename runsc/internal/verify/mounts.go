package verify

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/engine"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/runsc/specutils"
)

// sentryMounts reads the container's mount table from the sentry, through the
// control call that is behind "runsc read" (pkg/sentry/control/fs.go, Read).
// Nothing is run in the container. The path is in the container's own mount
// namespace, so a guest that mounts something over its /proc can hide the
// table; what it cannot forge is what the sandbox process holds.
func (m member) sentryMounts() ([]engine.SentryMount, error) {
	var last error
	for _, pid := range m.initPIDs() {
		var table string
		if table, last = m.readFile(fmt.Sprintf("/proc/%d/mounts", pid)); last == nil {
			return engine.SentryMounts(table)
		}
	}
	return nil, last
}

// initPIDs are the ids that the container's first process may have in its own
// /proc: 1 in a PID namespace of its own, or else the id in the sandbox's
// (runsc/boot/loader.go:1398).
func (m member) initPIDs() []int {
	ns, has := specutils.GetNS(specs.PIDNamespace, m.Spec)
	own := []int{1}
	if has && ns.Path == "" || m.ID == m.Sandbox.ID {
		return own
	}
	processes, err := m.Sandbox.Processes(m.ID)
	if err != nil || len(processes) == 0 {
		return own
	}
	ids := []int{int(processes[0].PID)}
	if has {
		ids = append(ids, 1)
	}
	return ids
}

// readFile reads a file of the container's.
func (m member) readFile(name string) (string, error) {
	fd, err := unix.MemfdCreate("mounts", unix.MFD_CLOEXEC)
	if err != nil {
		return "", err
	}
	f := os.NewFile(uintptr(fd), "mounts")
	defer f.Close()
	if err := m.Sandbox.ReadFile(m.ID, name, 0, 0, f); err != nil {
		return "", err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	data, err := io.ReadAll(f)
	return string(data), err
}

// mountRows compares access and cache mode of every served mount.
func (r *Report) mountRows(m member, held heldFiles) {
	table, err := m.sentryMounts()
	r.sentryOverlayRows(m, table, err)
	for _, mt := range m.mounts {
		if mt.isPart() {
			r.partRows(mt, held)
			continue
		}
		if err != nil {
			r.unverified(CheckMounts, mt.decision.Mount+" access", mt.decision.Access.String(), "unknown", err.Error())
			r.unverified(CheckMounts, mt.decision.Mount+" cache", mt.decision.Cache.String(), "unknown", err.Error())
			continue
		}
		line := m.find(table, mt)
		if line == nil && m.inSentryOverlay(mt.decision.Mount) {
			r.unverified(CheckMounts, mt.decision.Mount+" access", mt.decision.Access.String(), "no such mount",
				"it is in an overlay of the sandbox, and a symbolic link of the layers may lead elsewhere")
			continue
		}
		r.mountRow(mt, line, held)
	}
}

// inSentryOverlay reports whether a destination is below that of an overlay that the
// sentry makes. Nobody outside sees the links in it.
func (m member) inSentryOverlay(destination string) bool {
	return slices.ContainsFunc(m.plan.Decisions(), func(d directfspolicy.Decision) bool {
		return d.Union != nil && d.Union.Driver == directfspolicy.SentryUnion && strings.HasPrefix(destination, strings.TrimSuffix(d.Mount, "/")+"/")
	})
}

// find returns the mount's line, or nil. Where several mounts cover each other
// the last one is seen, but the guest may have mounted over ours.
func (m member) find(table []engine.SentryMount, mt mount) *engine.SentryMount {
	for _, destination := range []string{mt.decision.Mount, m.resolved(mt.decision.Mount)} {
		var found *engine.SentryMount
		for i := range table {
			if l := &table[i]; l.Destination == destination && (l.Gofer || found == nil || !found.Gofer) {
				found = l
			}
		}
		if found != nil {
			return found
		}
	}
	return nil
}

// resolved is the destination with the symbolic links in the rootfs resolved,
// as the gofer resolved them before it mounted.
func (m member) resolved(destination string) string {
	i := slices.IndexFunc(m.mounts, func(mt mount) bool { return mt.decision.Mount == "/" })
	if i < 0 || m.mounts[i].decision.ServedByVolume() {
		return destination
	}
	root, err := unix.Open(m.mounts[i].source, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return destination
	}
	defer unix.Close(root)
	fd, err := unix.Openat2(root, strings.TrimPrefix(destination, "/"),
		&unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS})
	if err != nil {
		return destination
	}
	defer unix.Close(fd)
	top, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", root))
	if err != nil {
		return destination
	}
	there, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
	if rest, below := strings.CutPrefix(there, strings.TrimSuffix(top, "/")+"/"); err == nil && below {
		return "/" + rest
	}
	return destination
}

func (r *Report) mountRow(mt mount, line *engine.SentryMount, held heldFiles) {
	d := mt.decision
	access, cache := d.Mount+" access", d.Mount+" cache"
	switch {
	case line == nil:
		r.compare(CheckMounts, access, d.Access.String(), "no such mount")
	case line.Gofer:
		r.compare(CheckMounts, access, d.Access.String(), line.Access.String())
		r.compare(CheckMounts, cache, d.Cache.String(), line.Cache.String())
	default:
		r.accessByFDs(access, mt, line.Type, held)
		r.note(CheckMounts, cache, d.Cache.String(), "not shown",
			"the sentry shows the options of the "+line.Type+" over this mount, not of this mount")
	}
}

// accessByFDs tells by what the sandbox process holds how it gets at a mount
// that the mount table does not show: with directfs it keeps the root open as
// long as the mount lasts, and otherwise has no FD of any directory
// (pkg/sentry/fsimpl/gofer/gofer.go:710). Of a file it may, though.
func (r *Report) accessByFDs(item string, mt mount, over string, held heldFiles) {
	planned := mt.decision.Access.String()
	actual := directfspolicy.LisaFS
	switch {
	case mt.err != nil:
		r.unverified(CheckMounts, item, planned, "unknown", fmt.Sprintf("below %s; %v", over, mt.err))
		return
	case held.ids[mt.id] && !mt.directory && !mt.direct():
		r.note(CheckMounts, item, planned, "the file is held", "below "+over+"; a file that is open is held with either access")
		return
	case held.ids[mt.id]:
		actual = directfspolicy.DirectFS
	}
	r.judge(CheckMounts, item, planned, fmt.Sprintf("%v (below %s; by what is held)", actual, over), actual == mt.decision.Access)
}
