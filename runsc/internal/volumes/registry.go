// Package volumes knows what serves the mounts that the stock gofer does not:
// backends in this program and daemons outside. A container's author names a
// backend and a volume; where a daemon listens, only the operator says.
package volumes

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/volume"
	"github.com/directfs/runsc/pkg/volume/handoff"
	"github.com/directfs/runsc/runsc/internal/syscalls"
)

// registry is what the program's main and its flags say. It does not change
// once commands run.
type registry struct {
	backends map[string]volume.Backend
	daemons  map[string]handoff.Address
}

var registered = registry{map[string]volume.Backend{}, map[string]handoff.Address{}}

// Register adds a backend of this program. It panics if the backend cannot be
// used: that is a mistake in the program.
func Register(b volume.Backend) {
	if err := registered.add(b); err != nil {
		panic(fmt.Sprintf("volume backend %q: %v", b.Name, err))
	}
}

func (r *registry) add(b volume.Backend) error {
	if err := r.free(b.Name); err != nil {
		return err
	}
	if b.Resolve == nil {
		return fmt.Errorf("it has no Resolve")
	}
	for _, call := range b.Syscalls {
		if _, ok := syscalls.Number(call); !ok {
			return fmt.Errorf("system call %q is not one of this architecture", call)
		}
	}
	r.backends[b.Name] = b
	return nil
}

// free fails if the name cannot be used in a hint, or is used already.
func (r *registry) free(name string) error {
	if _, err := directfspolicy.ParseHint(directfspolicy.GoferKnob, "backend", name+"/volume", ""); err != nil {
		return fmt.Errorf("%q cannot be the name of a backend: it needs lower-case letters, digits, '.', '_' and '-', at most 63 bytes", name)
	}
	_, backend := r.backends[name]
	_, daemon := r.daemons[name]
	if backend || daemon {
		return fmt.Errorf("the name %q is registered already", name)
	}
	return nil
}

// Backend returns a backend of this program.
func Backend(name string) (volume.Backend, bool) {
	b, ok := registered.backends[name]
	return b, ok
}

// Names lists the names of all backends and daemons.
func Names() []string {
	names := slices.AppendSeq(slices.Collect(maps.Keys(registered.backends)), maps.Keys(registered.daemons))
	slices.Sort(names)
	return names
}

// Daemons is the flag --volume-daemon.
var Daemons daemonsFlag

type daemonsFlag struct{}

// String implements flag.Value.
func (daemonsFlag) String() string {
	var all []string
	for name, a := range registered.daemons {
		all = append(all, name+"="+a.String())
	}
	slices.Sort(all)
	return strings.Join(all, ",")
}

// Get implements flag.Getter, which the engine asks of every flag.
func (d daemonsFlag) Get() any { return d.String() }

// Set implements flag.Value. The flag may be repeated, and one value may have
// several daemons with commas between them: a containerd configuration has one
// value for each flag.
func (daemonsFlag) Set(s string) error {
	for _, one := range strings.Split(s, ",") {
		name, address, ok := strings.Cut(one, "=")
		if !ok {
			return fmt.Errorf("%q is not NAME=unix:PATH", one)
		}
		a, err := handoff.ParseAddress(address)
		if err != nil {
			return err
		}
		if err := registered.free(name); err != nil {
			return err
		}
		registered.daemons[name] = a
	}
	return nil
}
