package e2e

import (
	"fmt"
	"os"
	"slices"
	"strings"
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

// A shared rootfs goes with a flag that puts overlays over others, as the default
// one does: that of a container which joins is read-only and has none.
func TestSharedRootfsBesideOverlay(t *testing.T) {
	for _, rootfs := range both {
		t.Run("rootfs="+rootfs, func(t *testing.T) {
			lab := newLab(t, "--overlay2=root:self")
			pause := servePod(t, lab, lab.Runtime, true, harness.PodSandbox())
			c := lab.Serve(t, lab.Bundle(t, harness.PodMember(pause.ID, "app"), harness.RootfsHint(rootfs), harness.ReadonlyRoot(),
				harness.Annotation("dev.gvisor.spec.rootfs.cache", "shared"), harness.Args("serve")))
			checkCaches(t, readReport(t, c), map[string]string{"/": "shared"})
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

// So it is where both are created, and started, at the same time: whichever
// comes first, the other one is refused.
func TestPodSharesNoExclusiveMountAtOnce(t *testing.T) {
	lab := newLab(t)
	dir := volume(lab, "a")
	pause := servePod(t, lab, lab.Runtime, true, harness.PodSandbox())
	for range 5 {
		var bundles []*harness.Bundle
		for range 2 {
			bundles = append(bundles, lab.Bundle(t, harness.PodMember(pause.ID, "app"), harness.MountFrom(dir, "/a", "rw", "cache=exclusive"), harness.Args("serve", "/a")))
		}
		ids := []string{lab.ID(), lab.ID()}
		refused := make(chan string, len(ids))
		for i, id := range ids {
			go func() {
				said, code := createAttended(t, lab, bundles[i], id)
				if code == 0 {
					said, code = attended(t, lab, bundles[i].Dir, "start", id)
				}
				if code == 0 {
					said = ""
				}
				refused <- said
			}()
		}
		said := slices.DeleteFunc([]string{<-refused, <-refused}, func(s string) bool { return s == "" })
		if len(said) != 1 || !strings.Contains(said[0], "another mount changes the same files") {
			t.Errorf("refused: %q, want one of two", said)
		}
		for _, id := range ids {
			if res, err := lab.Command(harness.Context(t), "delete", "--force", id); err != nil {
				t.Errorf("delete: %+v, %v", res, err)
			}
			lab.CheckGone(t, id)
		}
	}
	stop(t, lab, pause)
}
