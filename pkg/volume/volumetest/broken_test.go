package volumetest

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/directfs/runsc/pkg/volume"
	"github.com/directfs/runsc/pkg/volume/memory"
)

func TestMain(m *testing.M) {
	// The failures here are wanted.
	flag.Set("rapid.nofailfile", "true")
	os.Exit(m.Run())
}

// fault is one way in which a backend breaks the contract, and the check that
// finds it.
type fault struct {
	check  string
	name   string
	inject func(f *faulty)
}

func faults() []fault {
	return slices.Concat(
		treeFaults, readDirFaults, readFaults,
		createFaults, writeFaults, openFileFaults, removeFaults,
		renameFaults, renameErrorFaults, setAttrFaults,
		linkFaults, xattrFaults, spaceFaults,
		donateFaults, donateRootFaults, callFaults(), concurrentFaults, modelFaults,
	)
}

// backendFor is one that the check applies to, broken by inject.
func backendFor(c check, inject func(f *faulty)) Backend {
	b := Backend{Donates: true}
	b.Open = func(t testing.TB) volume.Volume {
		f := newFaulty(t)
		inject(f)
		return f
	}
	if c.needs.has(lack) {
		b.Lacks = []Feature{Permissions, DirectoryRename}
		b.Open = func(t testing.TB) volume.Volume {
			f := newFaulty(t)
			f.refuseLacking()
			inject(f)
			return f
		}
	}
	if c.needs.has(donateRoot) {
		b.DonatesRoot, b.Want = true, Sample()
		b.Open = func(t testing.TB) volume.Volume {
			f := newFaulty(t)
			Fill(t, f, Sample())
			d := &rootDonor{faulty: f}
			d.donate(realTree(t))
			f.donor = d
			inject(f)
			return d
		}
	}
	return b
}

// TestFaultsAreFound runs every check against backends that break its sentence,
// and against the same backend while it breaks nothing.
func TestFaultsAreFound(t *testing.T) {
	found := map[string]int{}
	all := checks()
	for _, f := range faults() {
		found[f.check]++
		t.Run(f.check+"/"+f.name, func(t *testing.T) {
			i := slices.IndexFunc(all, func(c check) bool { return c.name == f.check })
			if i < 0 {
				t.Fatal("there is no such check")
			}
			r := record(t, all[i], backendFor(all[i], f.inject))
			if !r.Failed() {
				t.Errorf("the check does not find it; its log: %q", r.logs)
			}
			t.Log(r)
		})
	}
	for _, c := range all {
		if found[c.name] == 0 {
			t.Errorf("%s has no fault that it finds", c.name)
		}
	}
}

func TestReferencePasses(t *testing.T) {
	for _, c := range checks() {
		t.Run(c.name, func(t *testing.T) {
			if r := record(t, c, backendFor(c, func(*faulty) {})); r.Failed() || r.skipped {
				t.Errorf("the check fails or is skipped: %v", r)
			}
		})
	}
}

// TestBackendSaysWhatItIs has backends that cannot be tested as they say.
func TestBackendSaysWhatItIs(t *testing.T) {
	writable := func(testing.TB) volume.Volume { return memory.New(memory.Options{}) }
	readOnly := func(testing.TB) volume.Volume { return memory.New(memory.Options{}).ReadOnly() }
	for _, c := range []struct {
		name string
		b    Backend
		want bool
	}{
		{"writable", Backend{Open: writable}, true},
		{"read-only with files", Backend{Open: readOnly, Want: Sample()}, true},
		{"writable, only read", Backend{Open: writable, Want: Sample()}, true},
		{"read-only without Want", Backend{Open: readOnly}, false},
		{"no root donor", Backend{Open: writable, DonatesRoot: true}, false},
		{"no volume", Backend{Open: func(testing.TB) volume.Volume { return nil }}, false},
		{"no such feature", Backend{Open: writable, Lacks: []Feature{"colours"}}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := recordFunc(t, func(r *recorder) { c.b.probe(r) })
			if r.Failed() == c.want {
				t.Errorf("the backend can be tested: %v, want %v: %v", !c.want, c.want, r)
			}
		})
	}
}

// TestLocalBackendsMayIgnoreContexts has calls that do not wait.
func TestLocalBackendsMayIgnoreContexts(t *testing.T) {
	for _, c := range callChecks {
		b := backendFor(c, func(f *faulty) {
			for _, inject := range ignoreInReads {
				inject(f)
			}
			ignoreInChanges["Remove"](f)
			ignoreInChanges["Create"](f)
		})
		b.Local = true
		if r := record(t, c, b); r.Failed() {
			t.Errorf("%s: %v", c.name, r)
		}
	}
}

func TestCheckNamesAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range checks() {
		if seen[c.name] {
			t.Errorf("two checks are called %s", c.name)
		}
		seen[c.name] = true
	}
}

// rootDonor donates directories of the host with the sample in it.
type rootDonor struct {
	*faulty
	roots []*os.File // one for each call; the last is for all others too
	calls int
}

// donate says what the calls of RootFile return.
func (d *rootDonor) donate(paths ...string) {
	d.roots = nil
	for _, p := range paths {
		f, err := os.Open(p)
		if err != nil {
			d.tb.Fatal(err)
		}
		d.tb.Cleanup(func() { f.Close() })
		d.roots = append(d.roots, f)
	}
	d.calls = 0
}

// realTree writes the sample into a directory.
func realTree(t testing.TB) string {
	t.Helper()
	root, tree := t.TempDir(), Sample()
	for _, p := range paths(&env{TB: t}, tree) {
		f, at := tree[p], filepath.Join(root, p)
		var err error
		switch {
		case p == ".":
		case f.Mode.IsDir():
			err = os.Mkdir(at, 0o755)
		case f.Mode.IsRegular():
			err = os.WriteFile(at, f.Data, 0o644)
		default:
			err = os.Symlink(string(f.Data), at)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}
