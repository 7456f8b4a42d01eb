package kubelet

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/internal/clients/lab"
)

// All on one node: what it needs to start takes as long as many pods. At the end
// nothing of them is left, and the pod that was there before has not changed.
func TestNode(t *testing.T) {
	n := Start(t, nil)
	first := n.Run(t, one(EmptyDir("data"), annotations("data.directfs", "off")).named("neighbour"))
	before := n.take(t)
	for _, test := range []struct {
		name string
		test func(*testing.T, *Node)
	}{
		{"Verdicts", verdicts}, {"Narrow", narrow}, {"Attacks", attacks}, {"Links", links}, {"Mixed", mixed}, {"Gofer", gofer}, {"Propagation", propagation}, {"Probes", probes},
		{"Refused", refused}, {"Restarts", restarts},
	} {
		t.Run(test.name, func(t *testing.T) { test.test(t, n) })
	}
	n.clean(t, before)
	now := n.Ready(t, "neighbour")
	if a, b := first.Container(t, "a"), now.Container(t, "a"); a.ID() != b.ID() || b.RestartCount != 0 {
		t.Errorf("the neighbour was %+v and is %+v", a, b)
	}
	n.verify(t, now.Container(t, "a"))
}

// leftovers are where something of a pod could stay.
var leftovers = []string{PodsDir, "/var/log/pods", "/var/log/containers", "/run/containerd", "/run/netns"}

// daemons are lines for what is the kubelet's and containerd's: they may have been
// started again, with other sockets, and make the cgroups above those of pods at
// any time.
var daemons = regexp.MustCompile(`^process .*/bin/clients/(kubelet|containerd) |^cgroup [^ ]*/kubepods(/besteffort|/burstable)?$|^socket /var/lib/kubelet/`)

func (n *Node) take(t *testing.T) lab.Snapshot {
	t.Helper()
	const bundles = "io.containerd.runtime.v2.task"
	s, err := lab.Take(append(leftovers, n.Path("tmp"), n.Path("state", bundles), n.Path("root", bundles))...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// clean waits until all pods are gone, and fails the test if something of them is
// left.
func (n *Node) clean(t *testing.T, before lab.Snapshot) {
	t.Helper()
	manifests, err := filepath.Glob(filepath.Join(n.Manifests, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range manifests {
		if m == n.manifest("neighbour") {
			continue
		}
		if err := os.Remove(m); err != nil {
			t.Error(err)
		}
	}
	wait(t, "the end of all pods", func() error {
		if r := n.Crictl("pods"); r.Code != 0 || strings.Count(r.Stdout, "\n") != 2 {
			return fmt.Errorf("%+v", r)
		}
		return nil
	})
	// A minute is how old a lock must be that nobody has, to be removed.
	wait(t, "what is left", func() error {
		var left []string
		for what := range n.take(t) {
			if !before[what] && !daemons.MatchString(what) {
				left = append(left, what)
			}
		}
		if left != nil {
			slices.Sort(left)
			return errors.New(strings.Join(left, "\n"))
		}
		return nil
	})
}
