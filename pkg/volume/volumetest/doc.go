// Package volumetest tests whether a backend does what package volume says of
// it. A backend runs it in its own tests, in one line:
//
//	func TestConformance(t *testing.T) {
//		volumetest.Run(t, volumetest.Backend{Open: func(t testing.TB) volume.Volume {
//			return mybackend.New(t.TempDir())
//		}})
//	}
//
// There are four modes:
//
//   - Read-write: Open returns an empty volume that is a volume.Writable. The
//     suite fills it.
//   - Read-only: Open returns a volume with files, and Want says which. [Sample]
//     is a tree that has something of everything, and [Fill] copies a tree into
//     a volume that can be written.
//   - Either of them with Donates: every handle is a volume.FileDonor, and
//     with DonatesRoot the volume is a volume.RootDonor.
//
// The optional interfaces that the volume implements are tested as well. What it
// implements but cannot do on purpose, such as permissions in an object store,
// is in Lacks: then the suite demands an error, and that nothing changed.
//
// Every check is a subtest named after a sentence of the contract, such as
// TestConformance/rename/replaces-a-file, and opens a volume of its own. The
// last one, model/random-operations, compares the volume with a simple model of
// a tree after each of some hundred calls. A failure of it is kept below
// testdata/rapid and tried first the next time. Run the tests with -race, which
// the checks called concurrent are for.
//
// What the suite cannot see: whether Sync survives a crash, whether a donated
// file is written after it stopped being the volume's alone, and what sandboxes
// make of errors.
package volumetest
