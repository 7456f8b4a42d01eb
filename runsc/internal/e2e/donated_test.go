package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// The engine donates FDs for mounts that no gofer serves, too. They do not take
// the place of the socket by which a process is supervised.
func TestCreateWithManyImages(t *testing.T) {
	const many = 30
	lab := newLab(t)
	for kind, add := range map[string]func(*harness.Bundle, int) error{
		"erofs": func(b *harness.Bundle, i int) error {
			image := filepath.Join(b.Dir, "image")
			if err := os.WriteFile(image, make([]byte, 4096), 0o600); err != nil {
				return err
			}
			return harness.RawMount(specs.Mount{Destination: fmt.Sprintf("/m%d", i), Type: "erofs", Source: image})(b)
		},
		"tmpfs": func(b *harness.Bundle, i int) error {
			name := fmt.Sprintf("m%d", i)
			if err := harness.Mount("/"+name, "rw")(b); err != nil {
				return err
			}
			for key, value := range map[string]string{"type": "tmpfs", "share": "container", "options": "rw", "source": b.Source("/" + name)} {
				if err := harness.Annotation("dev.gvisor.spec.mount."+name+"."+key, value)(b); err != nil {
					return err
				}
			}
			return nil
		},
	} {
		b := lab.Bundle(t, harness.Args("serve"), func(b *harness.Bundle) error {
			for i := range many {
				if err := add(b, i); err != nil {
					return err
				}
			}
			return nil
		})
		// It is not started: these are no images.
		c, err := lab.Create(harness.Context(t), lab.ID(), b)
		if err != nil {
			t.Errorf("%s: %v", kind, err)
			continue
		}
		if err := c.Delete(harness.Context(t)); err != nil {
			t.Error(err)
		}
		lab.CheckGone(t, c.ID)
	}
}

// Under a limit on FDs the sockets do not take the numbers of the container's
// standard streams either, which are just below the lowest limit with which the
// engine starts.
func TestCreateUnderLowLimit(t *testing.T) {
	lab := newLab(t)
	for _, limit := range []int{256, 257, 258, 260} {
		mounts := []harness.Option{harness.Args("serve")}
		for i := range 8 {
			mounts = append(mounts, harness.Mount(fmt.Sprintf("/m%d", i)))
		}
		id := lab.ID()
		cmd := clientOf(lab, "create", "--bundle="+lab.Bundle(t, mounts...).Dir, id)
		cmd.Args = append([]string{"sh", "-c", fmt.Sprintf(`ulimit -n %d && exec "$@"`, limit), "sh", cmd.Path}, cmd.Args[1:]...)
		cmd.Path = "/bin/sh"
		said, err := os.Create(filepath.Join(lab.Dir, id))
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stderr = said
		if err := cmd.Run(); err != nil {
			text, _ := os.ReadFile(said.Name())
			t.Errorf("limit %d: %v: %s", limit, err, text)
		}
		said.Close()
		_ = os.Remove(said.Name())
		checkAfterKill(t, lab, id)
	}
}
