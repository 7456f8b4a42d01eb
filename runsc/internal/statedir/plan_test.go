package statedir

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Whoever looks while the client stores the Plan finds it.
func TestLoadPlanWhileStored(t *testing.T) {
	root := t.TempDir()
	for range 500 {
		creation := begin(t, root, true)
		c := save(t, root, time.Now().Round(0))
		done := make(chan error, 1)
		go func() {
			_, err := creation.Finish()
			done <- err
		}()
		for busy := true; busy; {
			select {
			case err := <-done:
				if busy = false; err != nil {
					t.Fatal(err)
				}
			default:
			}
			if _, err := LoadPlan(c); err != nil {
				t.Fatal(err)
			}
		}
		for _, name := range []string{theState, thePlan} {
			if err := os.Remove(filepath.Join(root, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
}
