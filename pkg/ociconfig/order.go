package ociconfig

import (
	"fmt"
	"path"

	"github.com/directfs/runsc/directfspolicy"
)

// checkOrder refuses mounts that a later one hides. A gofer mounts in the order
// of the spec, and the sentry, which mounts parents first, would show a
// directory of the later mount in the hidden one's place. Of all that one mount
// hides, the first is named.
func checkOrder(mounts []directfspolicy.Mount) (errs []error) {
	below := map[string]string{} // directory -> a mount below it
	for _, m := range mounts {
		if m.Backend == directfspolicy.NoGofer && m.Union == nil || m.Layer != nil {
			continue
		}
		if hidden, ok := below[m.Destination]; ok {
			errs = append(errs, fmt.Errorf("%w: mount %q is listed before mount %q, which hides it: list the mount of a directory before those of what is in it",
				directfspolicy.ErrInvalidRequest, hidden, m.Destination))
		}
		for dir := path.Dir(m.Destination); m.Destination != "/"; dir = path.Dir(dir) {
			if _, ok := below[dir]; ok {
				break
			}
			below[dir] = m.Destination
			if dir == "/" {
				break
			}
		}
	}
	return errs
}
