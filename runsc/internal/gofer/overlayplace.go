package gofer

import (
	"errors"
	"fmt"
	"path"
	"strings"
)

// This file keeps away from the places of overlays that the sandbox makes what could
// be there instead: the sandbox starts the first process, which has all capabilities,
// by a name at the place of the first overlay.

// checkOverlay refuses a place of an overlay where somebody else may choose what its
// name leads to.
func (a *arrangement) checkOverlay(i int, destination, place string) error {
	if place != destination {
		return fmt.Errorf("mount %q leads to %q: %w", destination, place, errLinkToOverlay)
	}
	for j, m := range a.mounts {
		above := m.Destination
		if c := a.served[j]; c != nil {
			above = c.path
		} else if m.Type != "bind" {
			continue // this container's alone
		}
		if j != i && !a.stages[j].Staged() && strings.HasPrefix(place, strings.TrimSuffix(path.Clean(above), "/")+"/") {
			return fmt.Errorf("mount %q is in mount %q: %w", destination, m.Destination, errOverlayInMount)
		}
	}
	return nil
}

// errOverlayInMount: whoever can rename what is in a volume, as other containers that
// have it, can put a program at the name of the first process after its mount is
// there, and that has all capabilities then.
var errOverlayInMount = errors.New("the sandbox makes no overlay in another mount, where others could take its place away: mount it elsewhere, or let the host's driver make the overlay")

// errLinkToOverlay: the sandbox starts the first process, which has all capabilities,
// by a name at the overlay's destination, and sees mounts that are not here. By
// /proc, say, an image's links would lead it to a program of the image.
var errLinkToOverlay = errors.New("a symbolic link is in the destination of an overlay that the sandbox makes: write it without links, or let the host's driver make the overlay")

// checkBesideOverlays refuses, beside an overlay that the sandbox makes, what only the
// sandbox knows the place of: it could be on top of the overlay's, with a program.
func (a *arrangement) checkBesideOverlays(places []string) error {
	if len(a.overlays) == 0 {
		return nil
	}
	for i, m := range a.mounts {
		destination := path.Clean(m.Destination)
		if _, overlay := a.overlay(i, m); overlay || a.stages[i].Staged() {
			continue
		}
		if a.served[i] == nil && m.Type == "bind" {
			place, err := a.layout.Find(destination)
			if err != nil {
				return err
			}
			if place != destination || a.overlays[destination] != "" {
				return fmt.Errorf("mount %q, which containers share in memory, leads to %q: %w", m.Destination, place, errBesideOverlay)
			}
		}
		for _, c := range a.served {
			if c.volume != nil && strings.HasPrefix(places[i], c.path+"/") {
				return fmt.Errorf("mount %q is in mount %q, whose links are not seen here: %w", m.Destination, c.path, errBesideOverlay)
			}
		}
	}
	return nil
}

// errBesideOverlay: links in an image, or in a volume, choose its place.
var errBesideOverlay = errors.New("it could be at the place of an overlay that the sandbox makes: mount it elsewhere, without symbolic links, or let the host's driver make the overlay")
