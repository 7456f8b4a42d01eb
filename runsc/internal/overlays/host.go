package overlays

import (
	"os"
	"strings"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/overlaymount"
	"github.com/directfs/runsc/runsc/internal/overlayfs"
)

var roles = map[directfspolicy.LayerKind]overlaymount.Role{
	directfspolicy.LowerLayer: overlaymount.Lower, directfspolicy.DataLayer: overlaymount.Data,
	directfspolicy.UpperLayer: overlaymount.Upper, directfspolicy.WorkLayer: overlaymount.Work,
}

// mountHost mounts the overlay of open layers.
func mountHost(d directfspolicy.Decision, layers []layer) (*os.File, error) {
	spec := overlayfs.Spec{Source: d.Union.Source}
	for _, l := range layers {
		spec.Layers = append(spec.Layers, overlayfs.Layer{Role: roles[l.Layer], FD: l.fd})
	}
	for _, o := range d.Union.Options {
		var one overlaymount.Option
		one.Key, one.Value, one.HasValue = strings.Cut(o, "=")
		spec.Options = append(spec.Options, one)
	}
	fd, err := overlayfs.Mount(spec)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), d.Mount), nil
}
