package gofer

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/engine"
	"github.com/directfs/runsc/runsc/internal/layout"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// arrangement finds the places of a container's mounts, in the rootfs that is
// served or in an empty one, and makes the mount points that are missing.
type arrangement struct {
	layout *layout.Layout
	plan   directfspolicy.Plan
	mounts []specs.Mount
	stages []engine.Stage

	// served are the connections of those mounts that have one, by their number.
	served map[int]*connection

	// added are the connections of the layout's mounts, in its order; nil is an
	// overlay that the sentry makes.
	added []*connection

	// overlays are the places of those overlays, by their destinations.
	overlays map[string]string
}

// place sets the paths of the connections. It returns the places of the spec's
// mounts: those that are served, and those that have to do with an overlay that
// the sentry makes. Others have none.
func place(conns []connection, mounts []specs.Mount, plan directfspolicy.Plan) ([]string, error) {
	rootfs := layout.Mount{Decision: directfspolicy.Decision{Access: directfspolicy.NoAccess}, Directory: true}
	if len(conns) > 0 && conns[0].isRootfs() {
		rootfs.Decision, rootfs.Root = conns[0].decision, conns[0].tree
	} else {
		empty, err := emptyTree()
		if err != nil {
			return nil, err
		}
		defer unix.Close(empty)
		rootfs.Root = empty
	}
	byIndex := map[int]*connection{}
	for i := range conns {
		if c := &conns[i]; c.mount != nil {
			byIndex[c.index] = c
		}
	}
	a := arrangement{layout: layout.New(rootfs, true), plan: plan, mounts: mounts, served: byIndex, stages: engine.Stages(mounts, plan), overlays: map[string]string{}}
	places := make([]string, len(mounts))
	for i, m := range mounts {
		var err error
		if places[i], err = a.place(i, m, byIndex[i]); err != nil {
			return nil, err
		}
		if c := byIndex[i]; c != nil {
			c.path = places[i]
		}
	}
	for i, m := range mounts {
		if places[i] != "" {
			continue
		}
		if err := a.apart(m.Destination); err != nil { // the overlay may come later
			return nil, err
		}
	}
	return places, a.checkBesideOverlays(places)
}

// place finds the place of one mount. c is nil where no connection serves it.
func (a *arrangement) place(i int, m specs.Mount, c *connection) (place string, err error) {
	overlay, isOverlay := a.overlay(i, m)
	switch {
	case a.stages[i].Staged():
		place = path.Join(a.overlays[a.stages[i].Of], a.stages[i].Name)
	case isOverlay:
		if place, err = a.add(layout.Mount{Decision: overlay, Root: layout.NoRoot, Directory: true}, nil); err == nil {
			err = a.checkOverlay(i, overlay.Mount, place)
		}
	case c != nil:
		place, err = a.add(layout.Mount{Decision: c.decision, Root: c.tree, Directory: c.directory}, c)
	}
	if isOverlay {
		a.overlays[overlay.Mount] = place
	}
	return place, err
}

// overlay returns the decision for an overlay that the sentry makes, if the mount
// is what is at its destination until then: the next one is its first layer.
func (a *arrangement) overlay(i int, m specs.Mount) (directfspolicy.Decision, bool) {
	destination := path.Clean(m.Destination)
	if i+1 >= len(a.stages) || a.stages[i+1] != engine.FirstLayer(destination) {
		return directfspolicy.Decision{}, false
	}
	for _, d := range a.plan.Decisions() {
		if d.Mount == destination && d.Union != nil {
			return d, true
		}
	}
	return directfspolicy.Decision{}, false
}

// errTwoAtOverlay: what is at one place with an overlay of the sandbox is mounted
// before it or after it, by chance (runsc/boot/vfs.go:989).
var errTwoAtOverlay = errors.New("the sandbox makes an overlay at the place of another mount, and either could hide the other: remove one of them")

// errIntoOverlay: it would be hidden, because nobody knew that it is in the overlay.
var errIntoOverlay = errors.New("a symbolic link leads into an overlay that the sandbox makes: write the destination without links, or let the host's driver make the overlay")

// add adds a mount to the layout.
func (a *arrangement) add(m layout.Mount, c *connection) (string, error) {
	place, same, err := a.layout.Add(m)
	if err != nil {
		return "", err
	}
	if err := a.notInOverlay(m.Decision.Mount, place); err != nil {
		return "", err
	}
	for _, j := range same {
		if c == nil || a.added[j] == nil {
			return "", fmt.Errorf("mount %q: %w", m.Decision.Mount, errTwoAtOverlay)
		}
		if err := a.added[j].showAlso(c); err != nil {
			return "", fmt.Errorf("showing mount %q: %w", c.path, err)
		}
	}
	a.added = append(a.added, c)
	return place, nil
}

// apart refuses a mount that the sandbox makes by itself, such as a tmpfs, if links
// lead it into an overlay, or to one. Where it leads nowhere the sandbox says so.
func (a *arrangement) apart(destination string) error {
	if len(a.overlays) == 0 {
		return nil
	}
	place, err := a.layout.Find(destination)
	if err != nil {
		return nil
	}
	for _, overlay := range a.overlays {
		if place == overlay {
			return fmt.Errorf("mount %q: %w", destination, errTwoAtOverlay)
		}
	}
	return a.notInOverlay(destination, place)
}

func (a *arrangement) notInOverlay(destination, place string) error {
	for _, overlay := range a.overlays {
		if strings.HasPrefix(place, strings.TrimSuffix(overlay, "/")+"/") {
			return fmt.Errorf("mount %q leads to %q: %w", destination, place, errIntoOverlay)
		}
	}
	return nil
}

// showAlso makes a connection that is hidden by another one at the same place
// serve what hides it: the sentry mounts the two in any order
// (runsc/boot/vfs.go:989).
func (c *connection) showAlso(o *connection) error {
	if c.volume != nil && c.decision.Outside && c.ReadOnly != o.ReadOnly {
		// The daemon serves it already, and cannot be told.
		return fmt.Errorf("gofer %v serves another mount at this place, and only one of the two is read-only: give both the option ro, or remove one", c.decision.Gofer)
	}
	first, second, err := copyTwice(o.tree, o.directory)
	if err != nil {
		return err
	}
	defer closeAll([]int{first, second})
	// The layout goes on to use the FDs.
	if err := errors.Join(unix.Dup3(first, c.tree, unix.O_CLOEXEC), unix.Dup3(second, o.tree, unix.O_CLOEXEC)); err != nil {
		return err
	}
	c.directory, c.ReadOnly, c.Follows = o.directory, o.ReadOnly, o.Follows
	return nil
}
