package verify

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/overlaymount"
	"github.com/directfs/runsc/pkg/overlaymount/inspect"
	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// overlay returns the overlay of the host's that the decision is for, or nil.
func overlay(d directfspolicy.Decision) *directfspolicy.Union {
	if d.Union == nil || d.Union.Driver != directfspolicy.HostUnion {
		return nil
	}
	return d.Union
}

// isOverlay reports whether the mount's files are those of an overlay: its source
// is only a name, and which directory its root is, only its copy tells.
func (m mount) isOverlay() bool { return overlay(m.decision) != nil }

var errNoTree = errors.New("it was not found among the gofer's mounts")

// lookAtOverlay takes for the files of an overlay, or of a report, what the gofer has
// there.
func (m *mount) lookAtOverlay(g gofer) {
	switch {
	case g.err != nil:
		m.err = g.err
	case len(m.tree.mounts) == 0:
		m.err = errNoTree
	default:
		m.id = m.tree.id
	}
}

// roles are the names of a plan's layers, by the options of the file system.
var roles = map[overlaymount.Role]directfspolicy.LayerKind{
	overlaymount.Lower: directfspolicy.LowerLayer, overlaymount.Data: directfspolicy.DataLayer,
	overlaymount.Upper: directfspolicy.UpperLayer, overlaymount.Work: directfspolicy.WorkLayer,
}

// overlayRows compares the overlay that a mount is served from with the planned one:
// what the kernel has in the mount table.
func (r *Report) overlayRows(mt mount) {
	if !mt.isOverlay() && overlay(mt.files) == nil || len(mt.tree.mounts) == 0 {
		return
	}
	u := overlay(mt.files)
	item := mt.decision.Mount + " overlay"
	if u == nil {
		r.other(CheckMounts, item, "hidden by another mount at its place")
		return
	}
	m := mt.tree.mounts[0]
	r.compare(CheckMounts, item, describeOverlay("overlay", u.Source, writes(mt.files)), describeMount(m))
	if m.FSType != "overlay" {
		return
	}
	shown := inspect.Shown(m.VFSOptions)
	r.layers(item+" layers", mt.files, shown)
	r.compare(CheckMounts, item+" attributes", dialect(slices.Contains(u.Options, "userxattr")), dialect(shown.UserXattr()))
	if more := otherOptions(shown); len(more) > 0 {
		r.other(CheckMounts, item+" options", strings.Join(more, " "))
	}
}

func writes(d directfspolicy.Decision) bool {
	return slices.ContainsFunc(d.Sources, func(s directfspolicy.Source) bool { return s.Layer == directfspolicy.UpperLayer })
}

func describeMount(m *mountinfo.Info) string {
	_, readOnly := inspect.Shown(m.VFSOptions).Last("ro")
	return describeOverlay(m.FSType, m.Source, !readOnly)
}

// describeOverlay names a file system by what the mount table has: its type, its
// source, which for an overlay is only a name, and whether it can be written.
func describeOverlay(kind, source string, written bool) string {
	if source == "" {
		source = "none" // as the kernel has it
	}
	how := "ro"
	if written {
		how = "rw"
	}
	return fmt.Sprintf("%s %q, %s", kind, source, how)
}

func dialect(user bool) string {
	if user {
		return "user.overlay"
	}
	return "trusted.overlay"
}

// otherOptions are those that no row is about. The kernel shows them where they
// differ from its defaults.
func otherOptions(m overlaymount.Mount) (all []string) {
	for _, o := range m.Options {
		if o.Key != "rw" && o.Key != "ro" && o.Key != "userxattr" {
			all = append(all, o.String())
		}
	}
	return all
}

// layers compares the directories, their roles and their order.
func (r *Report) layers(item string, d directfspolicy.Decision, shown overlaymount.Mount) {
	var planned, actual, plannedRoles, actualRoles []string
	named := true
	for _, s := range d.Sources {
		planned, plannedRoles = append(planned, s.Layer.String()+" "+s.Path), append(plannedRoles, s.Layer.String())
	}
	for _, l := range shown.Layers() {
		kind := roles[l.Role].String()
		actual, actualRoles = append(actual, kind+" "+l.Path), append(actualRoles, kind)
		named = named && inspect.Named(l.Path)
	}
	want, have := strings.Join(planned, ", "), strings.Join(actual, ", ")
	if !named && slices.Equal(plannedRoles, actualRoles) {
		r.unverified(CheckMounts, item, want, have, "the kernel shows the names by which it was given the layers, not where these led; it does from Linux 6.15 on")
		return
	}
	r.judge(CheckMounts, item, want, have, slices.Equal(planned, actual))
}

// lockRow expects the gofer to hold the locks of what the container's overlays
// write to, whoever took them: as long as it does, nobody else gets them.
func (r *Report) lockRow(pid int, plan directfspolicy.Plan) {
	var planned, actual []string
	held, err := inspect.HeldLocks(pid)
	for _, d := range plan.Decisions() {
		for _, s := range d.Locks() {
			kind := s.Layer
			if d.Layer != nil {
				kind = d.Layer.Kind
			}
			name := fmt.Sprintf("%v %s", kind, s.Path)
			planned = append(planned, name)
			if held[lockedFile(s)] {
				actual = append(actual, name)
			}
		}
	}
	switch {
	case len(planned) == 0:
	case err != nil:
		r.unverified(CheckGofer, "locks", listOr(planned, "none"), "unknown", err.Error())
	default:
		r.judge(CheckGofer, "locks", listOr(planned, "none"), listOr(actual, "none"), len(planned) == len(actual))
	}
}

// lockedFile is how the kernel names the file of a lock.
func lockedFile(s directfspolicy.Source) inspect.LockedFile {
	f := inspect.LockedFile{Major: unix.Major(s.Device), Minor: unix.Minor(s.Device), Inode: s.Inode}
	// No more than this is known, if it does not say.
	_, _ = fmt.Sscanf(s.Filesystem, "%d:%d", &f.Major, &f.Minor)
	return f
}

// addLayers makes the walker look for the layers of overlays: nothing leads to them
// but their overlay, where no directfs mount has them too.
func (w *walker) addLayers(mounts []mount) {
	for _, m := range mounts {
		if !m.isOverlay() {
			continue
		}
		for _, s := range m.decision.Sources {
			donated := slices.ContainsFunc(mounts, func(o mount) bool { return o.donates(s) })
			if s.Inode == 0 || m.direct() && donated {
				continue
			}
			id := fileID{s.Device, s.Inode}
			w.targets[id] = true
			w.layers = append(w.layers, layer{fmt.Sprintf("%v layer %s of %v", s.Layer, s.Path, m), id})
		}
	}
}

// layer is a directory of an overlay, and what to call it.
type layer struct {
	name string
	id   fileID
}

// donates reports whether a directory is in what the sandbox is given of the mount.
func (m mount) donates(s directfspolicy.Source) bool {
	return m.direct() && !m.isOverlay() && slices.ContainsFunc(m.decision.Sources, func(of directfspolicy.Source) bool { return of.Contains(s) })
}
