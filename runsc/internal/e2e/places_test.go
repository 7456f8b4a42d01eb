package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/harness"
)

// linkInImage makes the destination of a mount a symbolic link in the rootfs.
func linkInImage(t *testing.T, b *harness.Bundle, link, to string) {
	t.Helper()
	path := filepath.Join(b.Rootfs(), link)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(to, path); err != nil {
		t.Fatal(err)
	}
}

// An image has a symbolic link from one mount's destination to another's. The
// two end at one place: with different decisions the container is refused, in
// either order, and otherwise each is served.
func TestImageLinksTwoMounts(t *testing.T) {
	for _, order := range [][2]string{{"/cache", "/secrets"}, {"/secrets", "/cache"}} {
		for _, hints := range [][2]string{{"on", "off"}, {"off", "on"}} {
			t.Run(fmt.Sprint(order, hints), func(t *testing.T) {
				lab := newLab(t)
				b := lab.Bundle(t, harness.Mount(order[0], "rw", "directfs="+hints[0]), harness.Mount(order[1], "rw", "directfs="+hints[1]))
				linkInImage(t, b, "cache", "/secrets")
				word := map[string]string{"on": "directfs", "off": "lisafs"}
				message := fmt.Sprintf("mount %q leads to \"/secrets\", where mount %q is (%s cache=shared and %s cache=shared): their decisions differ: "+
					"give both the same hints, or remove the symbolic link or one of the mounts", order[1], order[0], word[hints[1]], word[hints[0]])
				for _, command := range []string{"create", "run"} {
					checkRefusedBy(t, lab, lab.Runtime, message, command, "--bundle="+b.Dir)
				}
			})
		}
	}
	for _, how := range both {
		t.Run("both "+how, func(t *testing.T) {
			lab := newLab(t)
			b := lab.Bundle(t, harness.RootfsHint("off"), harness.Mount("/cache", "rw", "directfs="+how), harness.Mount("/secrets", "rw", "directfs="+how), mark, harness.Args("serve"))
			linkInImage(t, b, "cache", "/secrets")
			c := lab.Serve(t, b)
			readReport(t, c)
			for _, d := range []string{"/cache", "/secrets"} {
				if got := names(t, c, d); got != `["of-secrets"]` {
					t.Errorf("%s shows %s", d, got)
				}
			}
			stop(t, lab, c)
		})
	}
}

// What the host has mounted in a bind's source is the source of another mount,
// at the same place: both show it, and writes reach it.
func TestSubmountThatIsAlsoAMount(t *testing.T) {
	for _, flags := range [][]string{{"--directfs=false"}, {"--directfs=true"}, {"--network=host"}, {"--network=host", "--directfs=false"}} {
		t.Run(strings.Join(flags, ","), func(t *testing.T) {
			lab := newLab(t, flags...)
			srv := volume(lab, "srv")
			mountOnHost(t, filepath.Join(srv, "x"), "of-the-disk")
			c := lab.Serve(t, lab.Bundle(t, harness.MountFrom(srv, "/a", "rbind", "rw"), harness.MountFrom(filepath.Join(srv, "x"), "/a/disk", "rbind", "rw"), harness.Args("serve")))
			readReport(t, c)
			for _, dir := range []string{"/a/x", "/a/disk"} {
				if got := names(t, c, dir); !strings.Contains(got, `"of-the-disk"`) {
					t.Errorf("%s shows %s", dir, got)
				}
				execGuest(t, c, "write", dir+"/by-"+filepath.Base(dir), "text")
			}
			for _, file := range []string{"by-x", "by-disk"} {
				if _, err := os.Stat(filepath.Join(srv, "x", file)); err != nil {
					t.Errorf("on the host: %v", err)
				}
			}
			stop(t, lab, c)
		})
	}
}

// The root directory of the host is the container's rootfs, as it is for "do".
func TestRootIsTheHosts(t *testing.T) {
	for _, how := range both {
		t.Run(how, func(t *testing.T) {
			lab := newLab(t)
			tempTo(t, lab)
			source, place := volume(lab, "source"), volume(lab, "place")
			for dir, text := range map[string]string{source: "of the source", place: "of the place"} {
				if err := os.Mkdir(dir, 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, "file"), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			res, err := lab.Command(harness.Context(t), "--network=none", "do", "--quiet", "--volume="+source+":"+place,
				"--rootfs-directfs="+how, "--volume-directfs="+place+"="+how, "/bin/cat", filepath.Join(place, "file"))
			if err != nil || res.ExitCode != 0 || res.Stdout != "of the source" {
				t.Errorf("the container reads %q: %v, %v", res.Stdout, res.Err(), err)
			}
		})
	}
}

// checkHoldsPlanned expects the sandbox to hold no directory but the one that
// the stored plan has for /a.
func checkHoldsPlanned(t *testing.T, r *harness.Runtime, c *harness.Container) {
	t.Helper()
	raw, err := os.ReadFile(planPath(t, r, c.ID))
	if err != nil {
		t.Fatal(err)
	}
	var stored struct{ Plan directfspolicy.Plan }
	if err := json.Unmarshal(raw, &stored); err != nil {
		t.Fatal(err)
	}
	held, err := harness.DirFDs(c.SandboxPID)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range stored.Plan.Decisions() {
		if d.Mount != "/a" {
			continue
		}
		for _, h := range held {
			if h.Dev != d.Sources[0].Device || h.Ino != d.Sources[0].Inode {
				t.Errorf("the sandbox holds inode %d, the plan has %+v", h.Ino, d.Sources[0])
			}
		}
	}
	if len(held) == 0 {
		t.Error("the sandbox holds nothing")
	}
}

// Container engines bind the host's /dev with rbind in the options (docker run
// -v /dev:/dev), and then the sandbox has it there, as with the engine's own runtime.
func TestBindAtDev(t *testing.T) {
	lab := newLab(t)
	upstream := *lab.Runtime
	upstream.Binary = harness.Program(t, harness.UpstreamPackage)
	for _, destination := range []string{"/dev", "/dev/pts"} {
		for name, runtime := range map[string]*harness.Runtime{"ours": lab.Runtime, "upstream": &upstream} {
			b := lab.Bundle(t, harness.Mount(destination, "rbind", "rw"), harness.Args("list", destination))
			r, err := runtime.Run(harness.Context(t), lab.ID(), b)
			check(t, err)
			if r.ExitCode != 0 {
				t.Errorf("%s at %s: exit code %d: %s", name, destination, r.ExitCode, r.Stderr)
			}
		}
	}
}
