package kubelet

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/directfs/runsc/runsc/internal/clients/lab"
	"github.com/directfs/runsc/runsc/internal/clients/suite"
)

// mounted says how the guest sees a mount: "directfs", "lisafs", or "" without it.
func (n *Node) mounted(t *testing.T, c ContainerStatus, place string) string {
	t.Helper()
	found := ""
	for line := range strings.Lines(n.Exec(t, c, "cat", "/proc/mounts")) {
		f := strings.Fields(line)
		if len(f) < 4 || f[1] != place {
			continue
		}
		found = "lisafs"
		if strings.Contains(f[3], ",directfs") {
			found = "directfs"
		}
	}
	return found
}

// Volumes of all kinds that a kubelet makes without an API server, and one
// annotation on each of some: for both containers, whole and by subPath.
func mixed(t *testing.T, n *Node) {
	n.Flags(nil)
	host := n.Mkdir("mixed")
	n.Write("of the host\n", "mixed/file")
	s := n.Run(t, Pod{
		Name: "mixed",
		Annotations: annotations("uploads.directfs", "off", "cache.cache", "exclusive", "info.directfs", "off",
			"host.source", host, "host.directfs", "off"),
		Volumes: []Object{EmptyDir("uploads"), EmptyDir("data"), EmptyDir("cache"), HostPath("host", host),
			{"name": "info", "downwardAPI": Object{"items": []Object{{"path": "name", "fieldRef": Object{"fieldPath": "metadata.name"}}}}}},
		Containers: []Object{
			Container("a", Mount("uploads", "/uploads"), Mount("data", "/data"), Mount("cache", "/cache"), Mount("info", "/info"), Mount("host", "/host", "readOnly", true)),
			Container("b", Mount("uploads", "/up", "subPath", "deep/er"), Mount("data", "/part", "subPath", "part")),
		},
	})
	a, b := s.Container(t, "a"), s.Container(t, "b")
	for mount, want := range map[string]string{"/": "", "/uploads": "lisafs", "/data": "directfs", "/cache": "directfs", "/info": "lisafs", "/host": "lisafs"} {
		if got := n.mounted(t, a, mount); mount != "/" && got != want {
			t.Errorf("a %s is %q, want %q", mount, got, want)
		}
	}
	for mount, want := range map[string]string{"/up": "lisafs", "/part": "directfs"} {
		if got := n.mounted(t, b, mount); got != want {
			t.Errorf("b %s is %q, want %q", mount, got, want)
		}
	}
	n.Exec(t, b, "sh", "-c", "echo b >/up/f; echo b >/part/f")
	got := n.Exec(t, a, "sh", "-c", "cat /uploads/deep/er/f /data/part/f /info/name /host/file; touch /host/new 2>/dev/null || echo read-only")
	if got != "b\nb\nmixed-nodeof the host\nread-only" {
		t.Errorf("in a: %q", got)
	}
	n.verify(t, a)
	n.verify(t, b)
	pid := n.Sandbox(t, s)
	for held, other := range map[string]string{s.Volume("data"): s.Volume("uploads"), s.Volume("cache"): host, s.Volume("data/part"): s.Volume("uploads/deep/er")} {
		suite.HoldsOnly(t, pid, held, other)
	}
}

// What the host mounts in a volume later arrives where the pod asks for that.
func propagation(t *testing.T, n *Node) {
	n.Flags(nil)
	host := n.Mkdir("slave")
	s := n.Run(t, Pod{
		Name: "slave", Annotations: annotations("off.source", host, "off.directfs", "off"),
		Volumes: []Object{HostPath("host", host), HostPath("same", n.Mkdir("same"))},
		Containers: []Object{Container("a", Mount("host", "/off", "mountPropagation", "HostToContainer"), Mount("same", "/on", "mountPropagation", "HostToContainer"),
			Mount("same", "/private"))},
	})
	a := s.Container(t, "a")
	for _, dir := range []string{"slave", "same"} {
		later := n.Mkdir(dir, "later")
		if err := unix.Mount("tmpfs", later, "tmpfs", 0, ""); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := unix.Unmount(later, 0); err != nil {
				t.Error(err)
			}
		})
		n.Write(dir+"\n", dir, "later/f")
	}
	got := n.Exec(t, a, "sh", "-c", "cat /off/later/f /on/later/f; ls /private/later")
	if got != "slave\nsame" {
		t.Errorf("%q", got)
	}
	if on, off := n.mounted(t, a, "/on"), n.mounted(t, a, "/off"); on != "directfs" || off != "lisafs" {
		t.Errorf("/on is %q, /off is %q", on, off)
	}
	n.Remove(t, "slave")
	n.Gone(t, "slave")
}

// An init container, a sidecar, and probes: a container is ready when it answers
// HTTP, and is started again when its command in another probe fails.
func probes(t *testing.T, n *Node) {
	n.Flags(map[string]string{"directfs": "false", "directfs-hints": "narrow"})
	web := With(Container("web", Mount("data", "/data")),
		"command", []string{"sh", "-c", "rm -f /data/stuck; exec busybox httpd -f -p 8080 -h /data"},
		"readinessProbe", Object{"httpGet": Object{"path": "/page", "port": 8080}, "periodSeconds": 1},
		"livenessProbe", Object{"exec": Object{"command": []string{"sh", "-c", "[ ! -e /data/stuck ]"}}, "periodSeconds": 1, "failureThreshold": 1})
	sidecar := With(Container("side", Mount("data", "/data")), "restartPolicy", "Always",
		"startupProbe", Object{"exec": Object{"command": []string{"sh", "-c", "[ -e /data/first ]"}}, "periodSeconds": 1})
	n.Apply(t, Pod{
		Name: "probes", Annotations: annotations("data.directfs", "off"), Volumes: []Object{EmptyDir("data")},
		Init:       []Object{With(Container("first", Mount("data", "/data")), "command", []string{"sh", "-c", "echo made >/data/first"}), sidecar},
		Containers: []Object{web},
	})
	s, refused := n.Outcome(t, "probes")
	if c := s.Container(t, "web"); c.Ready || refused != "" {
		t.Errorf("without the page: %+v, %q", c, refused)
	}
	if first := s.Container(t, "first"); first.State.Terminated == nil || first.State.Terminated.ExitCode != 0 {
		t.Errorf("%+v", first)
	}
	// What the sidecar writes, the server reads.
	n.Exec(t, s.Container(t, "side"), "sh", "-c", "echo page >/data/page")
	s = n.Ready(t, "probes")
	for _, name := range []string{"side", "web"} {
		if got := n.verify(t, s.Container(t, name)); got["/data"] != "lisafs" {
			t.Errorf("%s: %v", name, got)
		}
	}
	n.Exec(t, s.Container(t, "web"), "touch", "/data/stuck")
	wait(t, "another start", func() error {
		again, err := n.Status("probes")
		if err != nil {
			return err
		}
		if c := again.Container(t, "web"); c.RestartCount == 0 || c.State.Running == nil {
			return fmt.Errorf("%+v", c)
		}
		return nil
	})
	if c := n.Ready(t, "probes").Container(t, "side"); c.RestartCount != 0 {
		t.Errorf("the sidecar was started again: %+v", c)
	}
}

// A volume that a daemon serves, by one annotation.
func gofer(t *testing.T, n *Node) {
	socket := n.Path("vd.sock")
	n.Write("from the store\n", "store/f")
	daemon := n.Command(t.Context(), "volumed", "serve", "--socket", socket, "--volume", "photos=file://"+n.Path("store"))
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = daemon.Process.Signal(os.Interrupt); _ = daemon.Wait() })
	lab.Eventually(t, "volumed's socket", func() error { _, err := os.Stat(socket); return err })
	flags := map[string]string{"volume-daemon": "blob=unix:" + socket}
	n.Flags(flags)
	p := Pod{
		Name: "served", Annotations: annotations("photos.gofer", "blob/photos"), Volumes: []Object{EmptyDir("photos"), EmptyDir("data")},
		Containers: []Object{Container("a", Mount("photos", "/photos"), Mount("data", "/data")), Container("b", Mount("photos", "/again"))},
	}
	s := n.Run(t, p)
	verdict{Pod: p, access: []string{"a /photos lisafs", "b /again lisafs", "a /data directfs"}}.check(t, n, flags)
	a, b := s.Container(t, "a"), s.Container(t, "b")
	if got := n.Exec(t, a, "sh", "-c", "cat /photos/f; echo new >/photos/g"); got != "from the store" {
		t.Errorf("%q", got)
	}
	if got := n.Exec(t, b, "cat", "/again/g"); got != "new" {
		t.Errorf("%q", got)
	}
	if left, err := os.ReadDir(s.Volume("photos")); err != nil || len(left) != 0 {
		t.Errorf("in the kubelet's directory: %v, %v", left, err)
	}
	suite.HoldsOnly(t, n.Sandbox(t, s), s.Volume("data"), s.Volume("photos"))
	n.Remove(t, "served")
	n.Gone(t, "served")
	if text, err := os.ReadFile(n.Path("store", "g")); err != nil || string(text) != "new\n" {
		t.Errorf("in the store, after the pod: %q, %v", text, err)
	}
}

// What is wrong with a pod is in its event, all of it, and what is wrong with one
// of its containers in that one's status, for the kubelet and for crictl.
func refused(t *testing.T, n *Node) {
	n.Flags(map[string]string{"directfs": "false", "directfs-hints": "narrow"})
	n.Apply(t, Pod{
		Name: "wrong", Annotations: annotations("data.directfs", "on", "data.cache", "never", "other.directfs", "off"),
		Volumes: []Object{EmptyDir("data")}, Containers: []Object{Container("a", Mount("data", "/data"))},
	})
	data := []Object{Mount("data", "/data")}
	n.Apply(t, Pod{
		Name: "half", Annotations: annotations("data.cache", "exclusive", "more.cache", "exclusive"), Volumes: []Object{EmptyDir("data"), EmptyDir("more")},
		Containers: []Object{Container("a", data[0], Mount("more", "/more")), Container("b", data[0], Mount("more", "/other"))},
	})
	_, all := n.Outcome(t, "wrong")
	for _, want := range []string{
		`OCI runtime create failed: create: `,
		`dev.gvisor.spec.mount.data.directfs="on": not permitted by --directfs-hints; allowed: off, false, default; --directfs-hints=narrow lets a hint only take directfs away`,
		`dev.gvisor.spec.mount.data.cache="never" (mount "` + PodsDir, `invalid value; allowed: shared, exclusive, default; write one of the allowed values or remove the key`,
		`dev.gvisor.spec.mount.other.directfs="off": hint names no mount source; give the hint the name of one of the pod's volumes that a container mounts`,
	} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q in %s", want, all)
		}
	}
	if r := n.Crictl("pods", "--quiet", "--name", "^wrong-node$"); r.Stdout != "" {
		t.Errorf("crictl pods: %+v", r)
	}
	s, _ := n.Outcome(t, "half")
	b := s.Container(t, "b")
	r := n.Crictl("inspect", "--output", "go-template", "--template", "{{.status.state}} {{.status.exitCode}} {{.status.reason}} {{.status.message}}", b.ID())
	for what, text := range map[string]string{"status": b.startError(), "crictl": r.Stdout} {
		for _, want := range []string{
			`dev.gvisor.spec.mount.data.cache="exclusive": another mount changes the same files: the hint is for mount "/data" and for mount "/data" of container "` + s.Container(t, "a").ID() + `"`,
			`dev.gvisor.spec.mount.more.cache="exclusive": another mount changes the same files: the hint is for mount "/other" and for mount "/more"`,
			"allowed: shared, default; write one of these, or give a hint to one of the mounts alone",
		} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: no %q in %q", what, want, text)
			}
		}
	}
	if !strings.HasPrefix(r.Stdout, "CONTAINER_EXITED 128 StartError ") {
		t.Errorf("crictl: %+v", r)
	}
	if got := n.Exec(t, s.Container(t, "a"), "echo", "a runs"); got != "a runs" {
		t.Error(got)
	}
}

// Pods go on without kubelet and containerd, and are theirs when they come back.
func restarts(t *testing.T, n *Node) {
	n.Flags(nil)
	p := Pod{
		Name: "stays", Annotations: annotations("data.directfs", "off"), Volumes: []Object{EmptyDir("data"), EmptyDir("on")},
		Containers: []Object{Container("a", Mount("data", "/data"), Mount("on", "/on")), Container("b", Mount("data", "/data"))},
	}
	s := n.Run(t, p)
	pid := n.Sandbox(t, s)
	p.Name = "goes"
	n.Run(t, p)
	same := func(what string) {
		t.Helper()
		again := n.Ready(t, "stays")
		for _, name := range []string{"a", "b"} {
			c := again.Container(t, name)
			if c.ID() != s.Container(t, name).ID() || c.RestartCount != 0 {
				t.Errorf("%s: %+v", what, c)
			}
			n.Exec(t, c, "sh", "-c", "echo x >>/data/f")
			n.verify(t, c)
		}
		if got := n.Sandbox(t, again); got != pid {
			t.Errorf("%s: sandbox process %d, was %d", what, got, pid)
		}
	}
	n.Down(n.tb)
	n.Remove(t, "goes")
	n.Up(n.tb) // until the node's end
	n.Gone(t, "goes")
	same("the kubelet")
	n.Daemon.Down(n.tb)
	n.Daemon.Up(n.tb)
	same("containerd")
	n.Daemon.Kill(n.tb)
	n.Daemon.Up(n.tb)
	same("containerd, killed")
	p.Name = "new"
	n.Run(t, p)
}
