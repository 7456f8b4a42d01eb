package e2e

import (
	"path/filepath"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
)

// A mount with "rro" is read-only, and so is what is mounted in its source:
// in a sandbox's first container, and in one that joins it, whose mounts take
// another road. An engine that was told so by "features" relies on it.
func TestRecursiveReadOnly(t *testing.T) {
	for _, how := range both {
		t.Run(how, func(t *testing.T) {
			lab := newLab(t)
			mount := func(name string) harness.Option {
				dir := volume(lab, name)
				mountOnHost(t, filepath.Join(dir, "sub"), "of-sub")
				return harness.MountFrom(dir, "/a", "rbind", "rro", "directfs="+how)
			}
			first := servePod(t, lab, lab.Runtime, true, harness.PodSandbox(), mount("first"))
			member := lab.Serve(t, lab.Bundle(t, harness.PodMember(first.ID, "app"), mount("member"), harness.Args("serve")))
			for _, c := range []*harness.Container{first, member} {
				for _, dir := range []string{"/a", "/a/sub"} {
					execGuest(t, c, "roops", dir)
				}
			}
			if got := names(t, member, "/a/sub"); got != `["of-sub"]` {
				t.Errorf("the submount shows %s", got)
			}
			stop(t, lab, first, member)
		})
	}
}
