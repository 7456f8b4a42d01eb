package volumetest

import (
	"io/fs"
	"slices"
	"testing"

	"github.com/directfs/runsc/pkg/volume"
)

// Backend is what is tested.
type Backend struct {
	// Open returns a volume that nothing else uses: one with the files of Want,
	// or an empty one if Want is nil. It is called for every check. The suite
	// closes the volume; what else has to be cleaned up, Open leaves to
	// t.Cleanup.
	Open func(t testing.TB) volume.Volume

	// Want is what a volume that is only read has: types, permissions, content,
	// sizes and, where they are not zero, modification times. With symbolic
	// links it is an fs.ReadLinkFS. It is nil for a volume that is written.
	Want fs.FS

	// Donates is set where every handle that can read has a host file.
	Donates bool

	// DonatesRoot is set where the volume is a volume.RootDonor.
	DonatesRoot bool

	// Local is set where no call waits for anything but this machine, so that
	// contexts need not be looked at. Else a call whose context has ended must
	// fail; in any case it must return soon.
	Local bool

	// Lacks names what the volume cannot do, although its interfaces have it.
	Lacks []Feature
}

// Feature is something that a store may not have.
type Feature string

const (
	// Permissions is Perm of volume.NewFile and volume.Change.
	Permissions Feature = "permissions"

	// Owners is UID and GID of the same.
	Owners Feature = "owners"

	// Times is AccessTime and ModTime of volume.Change.
	Times Feature = "times"

	// FileRename is Rename of what is no directory.
	FileRename Feature = "file rename"

	// DirectoryRename is Rename of directories.
	DirectoryRename Feature = "directory rename"
)

// Run runs every check that applies to the backend as a subtest.
func Run(t *testing.T, b Backend) {
	t.Helper()
	can := b.probe(t)
	for _, c := range checks() {
		if can.has(c.needs) {
			t.Run(c.name, func(t *testing.T) { c.run(newEnv(t, b)) })
		}
	}
}

// probe finds out what can be tested. What the backend says of itself and does
// not implement is fatal.
func (b Backend) probe(t testing.TB) need {
	t.Helper()
	v := b.open(t)
	defer v.Close(t.Context())
	can := implemented(v) | b.features(t)
	if b.Want != nil {
		can &^= write
	} else if !can.has(write) {
		t.Fatal("the volume is not a volume.Writable: say in Want which files it has")
	}
	if b.DonatesRoot {
		if _, ok := v.(volume.RootDonor); !ok {
			t.Fatal("DonatesRoot is set, and the volume is not a volume.RootDonor")
		}
		can |= donateRoot
	}
	if b.Donates {
		can |= donate
	}
	return can
}

// features returns those that the backend has. A name in Lacks that is none is
// fatal.
func (b Backend) features(t testing.TB) (can need) {
	t.Helper()
	lacks := slices.Clone(b.Lacks)
	for _, f := range features {
		if i := slices.Index(lacks, f.feature); i >= 0 {
			lacks = slices.Delete(lacks, i, i+1)
			can |= lack
		} else {
			can |= f.need
		}
	}
	if len(lacks) > 0 {
		t.Fatalf("Lacks names %q, which is no feature", lacks[0])
	}
	return can
}

func (b Backend) open(t testing.TB) volume.Volume {
	t.Helper()
	v := b.Open(t)
	if v == nil {
		t.Fatal("Backend.Open returned no volume")
	}
	return v
}
