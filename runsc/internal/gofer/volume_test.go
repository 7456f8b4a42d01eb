package gofer

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/volume"
	"github.com/directfs/runsc/runsc/internal/volumes"
)

func init() {
	open := func(context.Context, []*os.File) (volume.Volume, error) { return nil, nil }
	for name, source := range map[string]volume.Source{"here": {Open: open}, "empty": {}} {
		volumes.Register(volume.Backend{Name: name, Resolve: func(context.Context, volume.Request) (volume.Source, error) { return source, nil }})
	}
}

// Where a volume is served from is what the Plan says, whatever is registered.
func TestFindVolumes(t *testing.T) {
	for what, tt := range map[string]struct {
		backend string
		outside bool
		local   bool
		want    string
	}{
		"backend in this process":          {"here", false, true, ""},
		"daemon":                           {"far", true, false, ""},
		"daemon of a backend's name":       {"here", true, false, ""},
		"backend that is not there":        {"far", false, false, `mount "/v": gofer far/v: this program has no such backend now`},
		"backend without anything to open": {"empty", false, false, `mount "/v": gofer empty/v: its backend says nothing to open it by`},
	} {
		d := directfspolicy.Decision{Mount: "/v", Gofer: directfspolicy.GoferName{Backend: tt.backend, Volume: "v"}, Outside: tt.outside}
		conns := []connection{{path: "/"}, {path: "/v", decision: d}}
		err := findVolumes(conns, "c", "s")
		if tt.want != "" {
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: %v, want %s", what, err, tt.want)
			}
			continue
		}
		if err != nil || conns[0].volume != nil || conns[1].volume == nil || (conns[1].volume.source.Open != nil) != tt.local {
			t.Errorf("%s: %+v, %v", what, conns, err)
		}
	}
}
