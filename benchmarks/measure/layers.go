package measure

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/directfs/runsc/benchmarks/workload"
	"github.com/directfs/runsc/pkg/overlaymount"
	"github.com/directfs/runsc/runsc/harness"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// layers are those of one overlay. The lower ones may be of others too: nobody
// writes to them.
type layers struct {
	lowers []string

	// dir has the upper layer, the work directory and the mount point.
	dir string

	// byHand is set where it is mounted on the host, not by a container's runtime.
	byHand bool
}

// newLayers makes an overlay's directories. A plain directory has none: then it
// returns nil.
func newLayers(u Union, dir string, lowers []string) (*layers, error) {
	if u == Plain {
		return nil, nil
	}
	o := &layers{lowers, dir, u == ByHand}
	return o, os.MkdirAll(o.point(), 0o755)
}

// source is what is bound at the measured directory.
func (o *layers) source(plain string) string {
	if o == nil {
		return plain
	}
	return o.point()
}

func (o *layers) upper() string { return filepath.Join(o.dir, "u") }
func (o *layers) work() string  { return filepath.Join(o.dir, "w") }

// point is where the overlay is mounted by hand.
func (o *layers) point() string { return filepath.Join(o.dir, "m") }

// empty makes the upper layer new. The overlay must not be mounted.
func (o *layers) empty() error {
	for _, dir := range []string{o.upper(), o.work()} {
		if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o755)); err != nil {
			return err
		}
	}
	return nil
}

// options are what the overlay is mounted with, by mount(8) and in a spec alike.
func (o *layers) options() []string {
	return overlaymount.Mount{Lower: o.lowers, Upper: o.upper(), Work: o.work()}.Strings()
}

// inSpec has a container's runtime mount it.
func (o *layers) inSpec(destination string, options []string) harness.Option {
	return harness.RawMount(specs.Mount{Destination: destination, Type: overlayType, Source: overlayType, Options: slices.Concat(o.options(), options)})
}

// mount mounts it by hand on the host.
func (o *layers) mount() error {
	if err := unix.Mount(overlayType, o.point(), overlayType, 0, strings.Join(o.options(), ",")); err != nil {
		return fmt.Errorf("mount an overlay with the layers %q at %s: %w", o.options(), o.point(), err)
	}
	return nil
}

func (o *layers) unmount() error {
	if err := unix.Unmount(o.point(), 0); err != nil {
		return fmt.Errorf("%w: mount at %s: %w", ErrLeft, o.point(), err)
	}
	return nil
}

// mounted makes the upper layers of overlays new, and has those mounted that are
// mounted by hand as long as it measures.
func mounted(all []*layers, measure func() error) (err error) {
	for _, o := range all {
		if err := o.empty(); err != nil {
			return err
		}
		if !o.byHand {
			continue
		}
		if err := o.mount(); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, o.unmount()) }()
	}
	return measure()
}

// checkWritten fails where what was written is not in the upper layer: a runtime
// that ignores the mount would be fast.
func (o *layers) checkWritten() error {
	if _, err := os.Lstat(filepath.Join(o.upper(), workload.WrittenDir)); err != nil {
		return fmt.Errorf("what was written is not in the upper layer: %w", err)
	}
	return nil
}
