package e2e

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	"github.com/directfs/runsc/runsc/internal/firstprocess"
)

// Without root, and in a user namespace, the upper layer has what it has with
// root, and its files belong to users of the namespace.
func TestFirstProcessInUserNamespace(t *testing.T) {
	const mapped = 100000
	for _, directfs := range []bool{true, false} {
		for name, c := range map[string]struct {
			owner uint32
			lab   func(*testing.T, ...string) *harness.Lab
			opt   harness.Option
		}{
			"rootless":       {nobodys, newRootlessLab, harness.OwnedBy(nobodys)},
			"user namespace": {mapped, newLab, harness.UserNS(mapped, 65536)},
		} {
			t.Run(fmt.Sprint(name, " directfs ", directfs), func(t *testing.T) {
				lab := c.lab(t, flag(directfs))
				b := lab.Bundle(t, c.opt, harness.Args("merged", "/ov"))
				dir := staged(t, b, oneOverlay)
				fillLayers(t, dir)
				err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
					if err != nil {
						return err
					}
					return os.Lchown(path, int(c.owner), int(c.owner))
				})
				if err != nil {
					t.Fatal(err)
				}
				res, err := lab.Run(harness.Context(t), lab.ID(), b)
				if err != nil || res.Err() != nil {
					t.Fatal(err, res.Err())
				}
				checkUpper(t, filepath.Join(dir, "ov", firstprocess.UpperName), c.owner, c.owner)
				checkReport(t, dir, nil)
			})
		}
	}
}
