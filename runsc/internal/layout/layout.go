// Package layout finds the places of a container's mounts, before or without
// mounting any of them.
package layout

import (
	"errors"
	"fmt"
	"strings"

	"github.com/directfs/runsc/directfspolicy"
)

// ErrHidden: one mount would hide another that was made before.
var ErrHidden = errors.New("another mount hides it; list the mount of a directory before those of what is in it")

// ErrOnePlace: two mounts with different decisions would be at one place.
var ErrOnePlace = errors.New("their decisions differ: give both the same hints, or remove the symbolic link or one of the mounts")

// Mount is one mount of a container.
type Mount struct {
	// Decision is what was decided for the mount. It knows the mount by the
	// destination that the spec gave. That of a rootfs that no gofer serves has
	// NoAccess and agrees with all others.
	Decision directfspolicy.Decision

	// Root is an FD of the mount's root, and Directory what it is of. The root
	// must stay open as long as the Layout is used. It is NoRoot where a volume
	// serves the mount, or an overlay is not mounted yet: nobody can walk that
	// here, so names in it are taken as they are, and nothing is made there.
	Root      int
	Directory bool
}

// NoRoot is the root of a mount that cannot be walked.
const NoRoot = missing

// Layout is the places of mounts. A symbolic link in a destination is followed
// as a process in the container would follow it, in the rootfs or in the mounts
// that are there already, and never out of these: they are walked by FD. A place
// is a name and nothing else; whoever changes a directory meanwhile changes
// names.
type Layout struct {
	rootfs int
	makes  bool
	mounts []placed // the rootfs is the first one
	at     map[string]int
}

type placed struct {
	Mount
	place string
}

// New returns a layout with a rootfs alone. If makes is set, mount points that
// are missing are made, with the mode of mkdir(2) and open(2) for 0777.
func New(rootfs Mount, makes bool) *Layout {
	rootfs.Decision.Mount = "/"
	return &Layout{rootfs: rootfs.Root, makes: makes, mounts: []placed{{rootfs, "/"}}, at: map[string]int{}}
}

// Add finds the place of the next mount. It returns the place, absolute and
// without links, and which of the mounts that were added before have the same
// place, by their number. Errors wrap ErrHidden or ErrOnePlace, or say what
// mount point there cannot be.
func (l *Layout) Add(m Mount) (place string, same []int, err error) {
	place, err = l.find(m.Decision.Mount, m.Directory)
	if err != nil {
		return "", nil, fmt.Errorf("mount %q: %w", m.Decision.Mount, err)
	}
	for i, o := range l.mounts {
		switch {
		case o.place == place && !o.agrees(m, i == 0):
			return "", nil, fmt.Errorf("mount %q leads to %q, where %s is (%s and %s): %w",
				m.Decision.Mount, place, o.name(i), brief(m.Decision), brief(o.Decision), ErrOnePlace)
		case o.place == place && i > 0:
			same = append(same, i-1)
		case i > 0 && strings.HasPrefix(o.place, strings.TrimSuffix(place, "/")+"/"):
			return "", nil, fmt.Errorf("mount %q leads to %q, and %s is below that: %w", m.Decision.Mount, place, o.name(i), ErrHidden)
		}
	}
	l.mounts = append(l.mounts, placed{m, place})
	l.at[place] = m.Root
	return place, same, nil
}

// Find returns the place of a directory that is not added, and makes nothing.
func (l *Layout) Find(destination string) (place string, err error) {
	look := *l
	look.makes = false
	if place, err = look.find(destination, true); err != nil {
		return "", fmt.Errorf("mount %q: %w", destination, err)
	}
	return place, nil
}

// agrees reports whether nobody can tell by the decisions which of two mounts
// at one place is served. The rootfs may have another cache mode than a mount
// that hides all of it: the defaults for the two differ.
func (p placed) agrees(m Mount, rootfs bool) bool {
	if p.Decision.Access == directfspolicy.NoAccess {
		return true
	}
	return p.Decision.Access == m.Decision.Access && p.Decision.Gofer == m.Decision.Gofer && (rootfs || p.Decision.Cache == m.Decision.Cache)
}

// brief is what was decided, for people.
func brief(d directfspolicy.Decision) string {
	s := fmt.Sprintf("%v cache=%v", d.Access, d.Cache)
	if d.ServedByVolume() {
		s += fmt.Sprintf(", served by %v", d.Gofer)
	}
	return s
}

func (p placed) name(i int) string {
	if i == 0 {
		return "the rootfs"
	}
	return fmt.Sprintf("mount %q", p.Decision.Mount)
}
