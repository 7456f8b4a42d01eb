package engine_test

import (
	"testing"

	"github.com/directfs/runsc/runsc/enginetest"
	"gvisor.dev/gvisor/runsc/config"
)

// Members of a pod with a mount that is off beside a rootfs that is on.
func TestReadBackOffMounts(t *testing.T) {
	const (
		head   = `{"ociVersion":"1.2.1","process":{"args":["true"],"cwd":"/"},"root":{"path":"rootfs"}`
		pod    = head + `,"annotations":{"io.kubernetes.cri.container-type":"sandbox","io.kubernetes.cri.sandbox-id":"pod"}}`
		member = `"io.kubernetes.cri.container-type":"container","io.kubernetes.cri.sandbox-id":"pod"`
	)
	const shared, exclusive = config.FileAccessShared, config.FileAccessExclusive
	for name, c := range map[string]struct {
		pod, spec      string
		rootfs, mounts config.FileAccessType
		flag           bool
	}{
		"a member's off mount beside a directfs rootfs": {
			pod, head + `,"mounts":[{"destination":"/data","type":"bind","source":"/src/a0","options":["directfs=off"]}],"annotations":{` + member + `}}`, exclusive, shared, true},
		"a member's off mount by the source above it": {
			pod, head + `,"mounts":[{"destination":"/data","type":"bind","source":"/src/a0/sub"}],"annotations":{"dev.gvisor.spec.mount.a.source":"/src/a0","dev.gvisor.spec.mount.a.directfs":"off",` + member + `}}`, exclusive, shared, true},
	} {
		t.Run(name, func(t *testing.T) {
			conf := config.Config{DirectFS: c.flag, FileAccess: c.rootfs, FileAccessMounts: c.mounts}
			if err := conf.Overlay2.Set("none"); err != nil {
				t.Fatal(err)
			}
			k := enginetest.Case{Raw: []byte(c.spec), Conf: conf}
			if c.pod != "" {
				k.Pod = []byte(c.pod)
			}
			if _, err := k.Plan(); err != nil {
				t.Fatal(err)
			}
			if err := k.ReadBack(); err != nil {
				t.Fatal(err)
			}
		})
	}
}
