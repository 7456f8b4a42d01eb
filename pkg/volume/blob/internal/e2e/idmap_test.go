package e2e

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// idmapped maps the IDs of a mount to those of the user namespace: what root there
// makes is root's in the directory.
func idmapped(destination string, host, size uint32) harness.Option {
	return harness.Edit(func(s *specs.Spec) {
		for i := range s.Mounts {
			if m := &s.Mounts[i]; m.Destination == destination {
				m.UIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: host, Size: size}}
				m.GIDMappings = m.UIDMappings
			}
		}
	})
}

// A mount with ID mappings is one beside a volume too.
func TestIDMappedMount(t *testing.T) {
	l := newLab(t)
	const host, size = 100000, 65536
	for _, directfs := range []string{"on", "off"} {
		t.Run(directfs, func(t *testing.T) {
			b := l.Bundle(t, harness.UserNS(host, size), harness.Mount("/a", "rw", "directfs="+directfs), mount("/v", "shelf"), harness.Args("serve"), idmapped("/a", host, size))
			check(t, os.Chown(b.Source("/a"), 0, 0))
			c := l.Serve(t, b)
			guest(t, c, "write", "/a/file", "text")
			guest(t, c, "write", "/v/file", directfs)
			l.expectObject(t, "file", directfs+"\n")
			st, err := os.Stat(filepath.Join(b.Source("/a"), "file"))
			check(t, err)
			if uid := st.Sys().(*syscall.Stat_t).Uid; uid != 0 {
				t.Errorf("the file is user %d's, want 0's", uid)
			}
			l.remove(t, c)
			l.expectClean(t)
		})
	}
}
