package statedir

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A client that dies while the engine writes a state leaves the one before.
func TestSweepPutsStatesBack(t *testing.T) {
	root := t.TempDir()
	save(t, root, time.Now())
	name := filepath.Join(root, theState)
	before, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	release, err := Protect(root, id)
	if err != nil {
		t.Fatal(err)
	}
	copied, err := os.ReadFile(filepath.Join(root, "c_sandbox:s.saved"))
	if err != nil || string(copied) != string(before) {
		t.Fatalf("%s, %v", copied, err)
	}
	cut := func() {
		if err := os.Truncate(name, 0); err != nil {
			t.Fatal(err)
		}
	}
	cut()
	Sweep(root) // the client lives, and writes
	if now, err := os.ReadFile(name); err != nil || len(now) != 0 {
		t.Errorf("%s, %v", now, err)
	}
	release()
	expectFiles(t, root, theState)
	for _, content := range []string{string(before), "newer"} {
		if content == "newer" {
			save(t, root, time.Now())
			before, _ = os.ReadFile(name)
		} else {
			cut()
		}
		if err := os.WriteFile(filepath.Join(root, "c_sandbox:s.saved"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		Sweep(root)
		if now, err := os.ReadFile(name); err != nil || string(now) != string(before) {
			t.Errorf("%s, %v, want %s", now, err, before)
		}
		expectFiles(t, root, theState)
	}
}

// A client that is killed while it starts a container leaves the spec as it was
// and the rest of the state as the engine saved it.
func TestSweepPutsSpecsBack(t *testing.T) {
	root := t.TempDir()
	save(t, root, time.Now())
	name := filepath.Join(root, theState)
	for file, content := range map[string]string{
		name:                                     `{"status":"running","spec":{"annotations":{"ours":"x","theirs":"y"}}}`,
		filepath.Join(root, "c_sandbox:s.saved"): `{"status":"created","spec":{"annotations":{"theirs":"y"}}}`,
	} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	Sweep(root)
	const want = `{"spec":{"annotations":{"theirs":"y"}},"status":"running"}`
	if now, err := os.ReadFile(name); err != nil || string(now) != want {
		t.Errorf("%s, %v, want %s", now, err, want)
	}
	expectFiles(t, root, theState)
}
