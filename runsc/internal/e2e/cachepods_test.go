package e2e

import (
	"fmt"
	"os"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
)

// A pod's annotation gives its mode to the mounts of all members, with every
// mix of accesses, and a member's own annotation to its rootfs.
func TestPodCacheHints(t *testing.T) {
	for _, rootfs := range []string{"on", "off"} {
		t.Run("rootfs="+rootfs, func(t *testing.T) {
			lab := newLab(t)
			a := volume(lab, "a")
			pause := servePod(t, lab, lab.Runtime, true, harness.PodSandbox(), cacheHint("a", a, "exclusive"))
			c := lab.Serve(t, lab.Bundle(t, harness.PodMember(pause.ID, "app"), harness.RootfsHint(rootfs),
				harness.Annotation("dev.gvisor.spec.rootfs.cache", "shared"),
				harness.MountFrom(a, "/a", "rw", "directfs=off"), harness.Mount("/b"), harness.Mount("/c", "rw", "directfs=off", "cache=exclusive"),
				harness.Args("serve", "/", "/a", "/b", "/c")))
			r := readReport(t, c)
			checkOps(t, c.Bundle, r)
			checkMountOptions(t, access{"/": rootfs == "on", "/a": false, "/b": true, "/c": false}, r)
			checkCaches(t, r, map[string]string{"/": "shared", "/a": "exclusive", "/b": "shared", "/c": "exclusive"})
			stop(t, lab, pause, c)
		})
	}
}

// Two caches of the same files, one of which takes itself for the only one,
// would overwrite each other's writes. The second container is refused, in
// whatever order they come, by whatever path it has the files; one that only
// reads is not, and neither is one that comes when the first has ended.
func TestPodSharesNoExclusiveMount(t *testing.T) {
	lab := newLab(t)
	dir := volume(lab, "a")
	if err := os.MkdirAll(dir+"/sub", 0o755); err != nil {
		t.Fatal(err)
	}
	alias := volume(lab, "alias")
	if err := os.Symlink(dir, alias); err != nil {
		t.Fatal(err)
	}
	pause := servePod(t, lab, lab.Runtime, true, harness.PodSandbox())
	member := func(source string, options ...string) *harness.Bundle {
		return lab.Bundle(t, harness.PodMember(pause.ID, "app"), harness.MountFrom(source, "/a", append(options, "rw")...), harness.Args("serve", "/a"))
	}
	refuse := func(promised, writes string, b *harness.Bundle, writer string) {
		t.Helper()
		message := fmt.Sprintf(`mount option cache="exclusive" (mount %[1]s): another mount changes the same files; mount %[2]s writes to them (%[3]s); `+
			`allowed: shared, default; write one of these for mount %[1]s, or make mount %[2]s read-only`, promised, writes, writer)
		checkRefusedBy(t, lab, lab.Runtime, message, "create", "--bundle="+b.Dir)
	}
	exclusive := lab.Serve(t, member(dir, "cache=exclusive"))
	readReport(t, exclusive)
	const own = `"/a"`
	theirs := fmt.Sprintf(`"/a" of container %q`, exclusive.ID)
	refuse(theirs, own, member(dir), dir)
	refuse(theirs, own, member(dir+"/sub"), dir+"/sub")
	refuse(theirs, own, member(alias), dir)
	reader := lab.Bundle(t, harness.PodMember(pause.ID, "reader"), harness.MountFrom(dir, "/a", "ro"), harness.Args("serve"))
	reading := lab.Serve(t, reader)
	readReport(t, reading)
	stop(t, lab, reading)

	// A container that has ended is still in the state directory.
	if err := exclusive.Kill(harness.Context(t), "TERM"); err != nil {
		t.Fatal(err)
	}
	if _, err := exclusive.Wait(harness.Context(t)); err != nil {
		t.Fatal(err)
	}
	shared := lab.Serve(t, member(dir))
	readReport(t, shared)
	refuse(own, fmt.Sprintf(`"/a" of container %q`, shared.ID), member(dir, "cache=exclusive"), dir)
	if err := exclusive.Delete(harness.Context(t)); err != nil {
		t.Error(err)
	}
	stop(t, lab, pause, shared)
}
