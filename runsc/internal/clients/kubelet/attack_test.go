package kubelet

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/directfs/runsc/runsc/harness"
)

// hostile are annotations with which the author of a pod could want to get more
// than the node grants, or to reach beyond the pod. Refused or not, policy check
// says so before.
func hostile(t *testing.T, n *Node, neighbour Status) map[string]verdict {
	const spec = "dev.gvisor.spec."
	other := neighbour.Volume("data")
	data := EmptyDir("data")
	with := func(pairs ...string) Pod {
		all := map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			all[pairs[i]] = pairs[i+1]
		}
		return one(data, all)
	}
	many := map[string]string{}
	for i := range 1200 {
		many[fmt.Sprintf("%smount.n%d.source", spec, i)] = fmt.Sprintf("/srv/%d/%s", i, strings.Repeat("x", 60))
		many[fmt.Sprintf("%smount.n%d.directfs", spec, i)] = "off"
	}
	return map[string]verdict{
		"x-dots":         isRefused(with(spec+"mount....directfs", "off"), "a name has no dot"),
		"x-dots-type":    isRefused(with(spec+"mount....type", "bind", spec+"mount....directfs", "off"), ""),
		"x-dotted":       isRefused(with(spec+"mount.data.x.directfs", "off"), "a name has no dot"),
		"x-no-name":      isRefused(with(spec+"mount..directfs", "off"), "invalid key"),
		"x-case":         isRefused(with(spec+"mount.DATA.directfs", "off"), "hint names no mount source"),
		"x-underscore":   isRefused(with(spec+"mount.da_ta.directfs", "off"), "hint names no mount source"),
		"x-slash":        ignored(with(spec+"mount.data/x.directfs", "off"), "the hint would not count"),
		"x-neighbour":    runs(with(spec+"mount.x.source", other, spec+"mount.x.directfs", "off", spec+"mount.x.cache", "exclusive")),
		"x-its-pods":     runs(with(spec+"mount.x.source", PodsDir, spec+"mount.x.directfs", "off")),
		"x-proc":         runs(with(spec+"mount.x.source", "/proc/1/root", spec+"mount.x.directfs", "off")),
		"x-absent":       runs(with(spec+"mount.x.source", "/absent", spec+"mount.x.directfs", "off")),
		"x-below-a-file": runs(with(spec+"mount.x.source", "/etc/shadow/x", spec+"mount.x.directfs", "off")),
		"x-loop":         runs(with(spec+"mount.x.source", n.symlink(t, "loop", "loop"), spec+"mount.x.directfs", "off")),
		"x-long":         runs(with(spec+"mount.x.source", strings.Repeat("/x", 5000), spec+"mount.x.directfs", "off")),
		"x-fifo":         runs(with(spec+"mount.x.source", n.fifo(t), spec+"mount.x.directfs", "off")),
		"x-standalone":   runs(with(spec+"standalone", "true")),
		"x-standalone-2": runs(with(spec+"standalone", "true", spec+"mount.x.source", "/absent", spec+"mount.x.directfs", "off")),
		"x-type":         runs(with("io.kubernetes.cri.container-type", "container", "io.kubernetes.cri.sandbox-id", n.SandboxID(t, neighbour), "io.kubernetes.cri.sandbox-uid", neighbour.Metadata.UID)),
		"x-crio":         runs(with("io.kubernetes.cri-o.ContainerType", "container", "io.kubernetes.cri-o.SandboxID", n.SandboxID(t, neighbour))),
		"x-on":           isRefused(with(Hint("data", "directfs"), "on"), "not permitted by --directfs-hints"),
		"x-on-elsewhere": isRefused(with(spec+"mount.x.source", "/absent", spec+"mount.x.directfs", "on"), "not permitted by --directfs-hints"),
		"x-rootfs-on":    isRefused(with(spec+"rootfs.directfs", "true"), "not permitted by --directfs-hints"),
		"x-option":       isRefused(with(Hint("data", "type"), "bind", Hint("data", "options"), "rw,directfs=on"), "options"),
		"x-engine":       isRefused(with(Hint("data", "type"), "bind", Hint("data", "options"), "rw,directfs"), "options"),
		"x-flag":         isRefused(with("dev.gvisor.flag.directfs", "true"), "flag override disabled"),
		"x-ceiling":      isRefused(with("dev.gvisor.flag.directfs-hints", "all"), ""),
		"x-override":     isRefused(with("dev.gvisor.flag.allow-flag-override", "true"), ""),
		"x-bundle":       isRefused(with("dev.gvisor.bundle.experimental-high-performance", "true"), "directfs"),
		"x-plan":         isRefused(with("dev.gvisor.internal.directfs-plan", "{}"), "only the runtime may set this annotation"),
		"x-decisions":    isRefused(with("dev.gvisor.directfs-decisions", "{}"), "only the runtime may set this annotation"),
		"x-reserved":     isRefused(with(spec+"mount.directfs-policy-on.source", "/.directfs-policy/on", spec+"mount.directfs-policy-on.type", "bind"), ""),
		"x-share":        runs(with(Hint("data", "type"), "bind", Hint("data", "share"), "container")),
		"x-options":      runs(with(Hint("data", "type"), "bind", Hint("data", "share"), "shared", Hint("data", "options"), "rw,exec,dev,suid")),
		"x-forced":       runs(with("dev.gvisor.empty-dir.data.force-shared", "true", Hint("data", "type"), "bind", Hint("data", "share"), "pod")),
		"x-many":         runs(one(data, many)),
		"x-too-long":     invalid(with(Hint(strings.Repeat("v", 33), "directfs"), "off"), "63"),
		"x-star":         invalid(with(Hint("*", "directfs"), "off"), "dev.gvisor.spec.mount.*.directfs"),
	}
}

// attacks: what runs has the privileges of a pod without annotations, which are
// those of a sandbox without directfs.
func attacks(t *testing.T, n *Node) {
	neighbour := n.Ready(t, "neighbour")
	flags := map[string]string{"directfs": "false", "directfs-hints": "narrow"}
	n.Flags(flags)
	plain := n.Run(t, one(EmptyDir("data"), nil).named("plain"))
	want := n.privileges(t, plain)
	table := hostile(t, n, neighbour)
	judge(t, n, flags, table)
	for _, name := range slices.Sorted(maps.Keys(table)) {
		if table[name].refused != nil || table[name].invalid != "" {
			continue
		}
		if got := n.privileges(t, n.Ready(t, name)); got != want {
			t.Errorf("%s: the sandbox process has\n%s\nand without annotations\n%s", name, got, want)
		}
	}
}

// privileges are what the kernel knows of the pod's sandbox process, and what
// directories of the host it holds.
func (n *Node) privileges(t *testing.T, s Status) string {
	t.Helper()
	pid := n.Sandbox(t, s)
	status, err := harness.ReadStatus(pid)
	if err != nil {
		t.Fatal(err)
	}
	dirs, err := harness.DirFDs(pid)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("capabilities: %v\ndirectories: %v", status.Effective.Names(), dirs)
}

func (n *Node) symlink(t *testing.T, name, target string) string {
	t.Helper()
	if err := unix.Symlink(target, n.Path(name)); err != nil {
		t.Fatal(err)
	}
	return n.Path(name)
}

// fifo is one that nobody writes to: whoever opens it waits.
func (n *Node) fifo(t *testing.T) string {
	t.Helper()
	if err := unix.Mkfifo(n.Path("fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	return n.Path("fifo")
}

// A container writes links into its volume, to another volume of the pod and out
// of the pod. The pod's next sandbox has a hint with a source that they are in.
func links(t *testing.T, n *Node) {
	n.Flags(nil)
	neighbour := n.Ready(t, "neighbour")
	held := n.privileges(t, neighbour)
	p := Pod{
		Name: "links", UID: "11111111-2222-3333-4444-555555555555", Volumes: []Object{EmptyDir("data"), EmptyDir("other"), EmptyDir("third")},
		Containers: []Object{Container("a", Mount("data", "/data"), Mount("other", "/other"), Mount("third", "/third"))},
	}
	s := n.Run(t, p)
	a := s.Container(t, "a")
	for name, target := range map[string]string{"other": s.Volume("other"), "neighbour": neighbour.Volume("data"), "root": "/"} {
		n.Exec(t, a, "ln", "-s", target, "/data/"+name)
	}
	in := func(link string) string { return s.Volume("data/" + link) }
	for _, step := range []struct {
		hints map[string]string
		want  map[string]string
	}{
		{annotations("o.source", in("other"), "o.directfs", "off", "n.source", in("neighbour"), "n.directfs", "off", "p.source", in("neighbour/../third"), "p.directfs", "off"),
			map[string]string{"/data": "directfs", "/other": "lisafs", "/third": "directfs"}},
		{annotations("x.source", in("root"), "x.directfs", "off"), map[string]string{"/data": "lisafs", "/other": "lisafs", "/third": "lisafs"}},
	} {
		p.Annotations = step.hints
		n.Apply(t, p)
		a := n.again(t, s)
		got := n.verify(t, a)
		for mount, want := range step.want {
			if got[mount] != want || n.mounted(t, a, mount) != want {
				t.Errorf("%v: %s is %q, want %q", step.hints, mount, got[mount], want)
			}
		}
	}
	if now := n.privileges(t, n.Ready(t, "neighbour")); now != held {
		t.Errorf("the neighbour's sandbox process had\n%s\nand has\n%s", held, now)
	}
}

// again kills the pod's sandbox, and returns the container in the next one.
func (n *Node) again(t *testing.T, s Status) ContainerStatus {
	t.Helper()
	before := n.SandboxID(t, s)
	if err := unix.Kill(n.Sandbox(t, s), unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	wait(t, "another sandbox", func() error {
		r := n.Crictl("pods", "--quiet", "--no-trunc", "--state", "ready", "--name", "^"+s.Metadata.Name+"$")
		if id := strings.TrimSpace(r.Stdout); id == "" || id == before {
			return fmt.Errorf("%+v", r)
		}
		return nil
	})
	return n.Ready(t, strings.TrimSuffix(s.Metadata.Name, "-node")).Container(t, "a")
}
