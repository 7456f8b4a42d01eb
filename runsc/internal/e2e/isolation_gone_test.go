package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	"golang.org/x/sys/unix"
)

// Somebody who shares a volume removes a directory or a file that is mounted in
// the source of an rbind. The rest of the source is served.
func TestSubmountOfWhatIsGone(t *testing.T) {
	for _, how := range both {
		t.Run(how, func(t *testing.T) {
			lab := newLab(t)
			b := lab.Bundle(t, harness.Mount("/r", "rbind", "rw", "directfs="+how), harness.Args("serve", "/r"))
			removed, point := filepath.Join(b.Source("/r"), "removed"), filepath.Join(b.Source("/r"), "point")
			for _, file := range []string{removed, point} {
				if err := os.WriteFile(file, []byte("here"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if err := unix.Mount(removed, point, "", unix.MS_BIND, ""); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := unix.Unmount(point, 0); err != nil {
					t.Error(err)
				}
			})
			if err := os.Remove(removed); err != nil {
				t.Fatal(err)
			}
			c := lab.Serve(t, b)
			checkOps(t, b, readReport(t, c))
			if got := execGuest(t, c, "cat", "/r/point"); got != "here" {
				t.Errorf("the file that is mounted there has %q", got)
			}
			stop(t, lab, c)
		})
	}
}
