package workload

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// prepared are a whole tree and four layers.
func prepared(t *testing.T) (whole string, lowers []string) {
	t.Helper()
	whole = t.TempDir()
	for range 4 {
		lowers = append(lowers, t.TempDir())
	}
	if err := PrepareOverlay(whole, lowers); err != nil {
		t.Fatal(err)
	}
	return whole, lowers
}

// The union of the layers is the whole tree: every directory in each of them,
// every file in one.
func TestPrepareOverlay(t *testing.T) {
	whole, lowers := prepared(t)
	merged, listed := map[string]string{}, 0
	for _, l := range lowers {
		for path, is := range tree(t, l) {
			name := strings.TrimPrefix(path, l)
			if was, ok := merged[name]; ok && !(was == is && strings.HasPrefix(is, "d")) {
				t.Errorf("%s is in two layers, as %q and %q", name, was, is)
			}
			merged[name] = is
		}
		entries, err := os.ReadDir(filepath.Join(l, listDir))
		if err != nil || len(entries) != listEntries/len(lowers) {
			t.Errorf("%d entries in one of %d layers, %v", len(entries), len(lowers), err)
		}
		listed += len(entries)
	}
	if listed != listEntries {
		t.Errorf("%d entries in all layers, want %d", listed, listEntries)
	}
	all := tree(t, whole)
	if len(all) != len(merged) {
		t.Errorf("%d files in the whole tree, %d in the layers", len(all), len(merged))
	}
	for path, is := range all {
		if got := merged[strings.TrimPrefix(path, whole)]; got != is {
			t.Errorf("%s is %q in the layers, want %q", path, got, is)
		}
	}
}

// TestRunOverlays runs everything on the whole tree.
func TestRunOverlays(t *testing.T) {
	whole, _ := prepared(t)
	t.Chdir(whole)
	before := tree(t, whole)
	for _, w := range Overlays {
		a, err := Run(Request{Workload: w.Name, Workers: 1, Duration: time.Millisecond, Part: OperationPasses - 1})
		if err != nil || a.Operations < 1 || a.Nanoseconds <= 0 {
			t.Errorf("%s: %+v, %v", w.Name, a, err)
		}
		if w.Name == CopyUp && a.Operations != copyUpFiles {
			t.Errorf("%s: %d operations, want each of %d files once", w.Name, a.Operations, copyUpFiles)
		}
		if len(w.Workers) != 1 {
			t.Errorf("%s: workers are %v", w.Name, w.Workers)
		}
	}
	if after := tree(t, whole); len(after) != len(before) {
		t.Errorf("%d files before, %d after", len(before), len(after))
	}
	// No two samples are of the same files: the second finds them copied.
	if _, err := Run(Request{Workload: CopyUp, Workers: 1, Part: OperationPasses}); err == nil {
		t.Error("more parts than were prepared")
	}
}
