package podman

import (
	"os"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/internal/clients/lab"
)

// Pods of podman do not work. podman does not mark the infra container as the
// first one of a pod, only the others as joining it, so that they are refused.
// (Upstream lets them in; podman then takes them for ended, because the process
// in their pid file is the sandbox, which is not a child of their conmon.)
func TestPod(t *testing.T) {
	e := engine(t)
	lab.Leaks(t, e.Own, e.StateRoot)
	pod := e.Do(t, "pod", "create", "--name", "p", "--network=none", "--infra-image", lab.ImageName, "--infra-command", "/bin/sleep 1000")
	t.Cleanup(func() {
		e.Do(t, "pod", "rm", "-f", "-t", "0", "p")
		// podman leaves these, with crun, too.
		for _, h := range []string{"systemd", "unified"} {
			if err := os.Remove("/sys/fs/cgroup/" + h + "/libpod_parent/" + pod); err != nil && !os.IsNotExist(err) {
				t.Error(err)
			}
		}
	})
	const reason = "create: sandbox does not admit other containers: only a pod-member can join, and only a pod-sandbox can be joined; here a pod-member would join a standalone"
	if r := e.Ask("run", "--pod", "p", lab.ImageName, "true"); r.Code != 126 || !strings.Contains(r.Stderr, reason) {
		t.Errorf("%+v", r)
	}
}
