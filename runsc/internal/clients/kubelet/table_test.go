package kubelet

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/internal/clients/containerd"
	"github.com/directfs/runsc/runsc/internal/clients/lab"
)

// verdict is what becomes of a pod, for policy check and for the kubelet.
type verdict struct {
	Pod

	// refused are parts of the reason; without one the pod runs.
	refused []string

	// invalid is a part of the reason for which the kubelet, as an API server
	// would, does not take the pod at all.
	invalid string

	// ignored is a part of the reason for which policy check refuses the pod,
	// which runs as if the annotation were not there.
	ignored string

	// access of mounts of containers, "CONTAINER PATH ACCESS".
	access []string
}

func ignored(p Pod, reason string) verdict { return verdict{Pod: p, ignored: reason} }

func invalid(p Pod, reason string) verdict { return verdict{Pod: p, invalid: reason} }

// runs is a pod that runs.
func runs(p Pod, access ...string) verdict { return verdict{Pod: p, access: access} }

// isRefused is one that does not, or one of whose containers does not.
func isRefused(p Pod, reasons ...string) verdict { return verdict{Pod: p, refused: reasons} }

// judge has both say what becomes of the pods.
func judge(t *testing.T, n *Node, flags map[string]string, table map[string]verdict) {
	n.Flags(flags)
	for name, v := range table {
		v.Name = name
		table[name] = v
		n.Apply(t, v.Pod)
	}
	for _, name := range slices.Sorted(maps.Keys(table)) {
		t.Run(name, func(t *testing.T) { table[name].check(t, n, flags) })
	}
}

func (v verdict) check(t *testing.T, n *Node, flags map[string]string) {
	checked := n.check(v.Manifest(t), flags)
	if v.invalid != "" {
		if checked.Code != 1 || !strings.Contains(checked.Stderr, v.invalid) {
			t.Errorf("policy check: no %q in %+v", v.invalid, checked)
		}
		wait(t, "the kubelet's reason", func() error {
			if all := n.complaints(v.Name); !strings.Contains(all, v.invalid) {
				return fmt.Errorf("no %q in %s", v.invalid, all)
			}
			return nil
		})
		return
	}
	status, refused := n.Outcome(t, v.Name)
	if v.ignored != "" {
		if refused != "" || checked.Code != 1 || !strings.Contains(checked.Stderr, v.ignored) {
			t.Errorf("no %q in %+v, the kubelet: %s", v.ignored, checked, refused)
		}
		return
	}
	if (checked.Code == 1) != (refused != "") || checked.Code > 1 {
		t.Errorf("policy check: exit status %d\n%s\nthe kubelet: %q", checked.Code, checked.All(), refused)
	}
	for _, want := range v.refused {
		if !strings.Contains(checked.Stderr, want) {
			t.Errorf("policy check: no %q in %s", want, checked.All())
		}
		if !strings.Contains(refused, want) {
			t.Errorf("the kubelet: no %q in %s", want, refused)
		}
	}
	if (v.refused == nil) != (refused == "") {
		t.Errorf("the kubelet: %q", refused)
	}
	if refused != "" || checked.Code != 0 {
		return
	}
	promised := decisions(checked.Stdout)
	for _, c := range status.Status.ContainerStatuses {
		for mount, access := range n.verify(t, c) {
			if p, ok := promised[c.Name+" "+mount]; ok && p != access {
				t.Errorf("%s %s: policy check says %s, and it is %s", c.Name, mount, p, access)
			}
		}
	}
	for _, want := range v.access {
		f := strings.Fields(want)
		if got := promised[f[0]+" "+f[1]]; got != f[2] {
			t.Errorf("%s %s is %q, want %q", f[0], f[1], got, f[2])
		}
	}
}

// check runs policy check with a manifest.
func (n *Node) check(manifest string, flags map[string]string) lab.Result {
	var args []string
	for k, v := range flags {
		args = append(args, "--"+k+"="+v)
	}
	ctx, cancel := context.WithTimeout(context.Background(), lab.Deadline)
	defer cancel()
	cmd := n.Command(ctx, n.Runsc, append(args, "policy", "check", "--kubernetes")...)
	cmd.Stdin = strings.NewReader(manifest)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if cmd.ProcessState == nil {
		return lab.Result{Stderr: err.Error(), Code: -1}
	}
	return lab.Result{Stdout: stdout.String(), Stderr: stderr.String(), Code: cmd.ProcessState.ExitCode()}
}

var note = regexp.MustCompile(`(?m)^note: container "(\S+)": (\S+): (\w+),`)

// decisions maps "CONTAINER MOUNT" to the access that policy check says.
func decisions(notes string) map[string]string {
	all := map[string]string{}
	for _, m := range note.FindAllStringSubmatch(notes, -1) {
		all[m[1]+" "+m[2]] = m[3]
	}
	return all
}

var access = regexp.MustCompile(`(?m)^  ok +(\S+) access: (\w+)`)

// verify maps mounts of a container to their access, by policy verify, which has
// to find that all is as planned.
func (n *Node) verify(t *testing.T, c ContainerStatus) map[string]string {
	t.Helper()
	r := n.Try(n.Runsc, "policy", "verify", c.ID())
	if r.Code != 0 || !strings.Contains(r.Stdout, "verdict: ok") {
		t.Errorf("verify %s: %+v", c.Name, r)
	}
	all := map[string]string{}
	for _, m := range access.FindAllStringSubmatch(r.Stdout, -1) {
		all[m[1]] = m[2]
	}
	return all
}

// annotations are pairs VOLUME.FIELD and value.
func annotations(pairs ...string) map[string]string {
	all := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		all["dev.gvisor.spec.mount."+pairs[i]] = pairs[i+1]
	}
	return all
}

// one has a volume of the name data, at /data in the container a, and in b if
// there are more mounts.
func one(volume Object, hints map[string]string, b ...Object) Pod {
	p := Pod{Annotations: hints, Volumes: []Object{volume}, Containers: []Object{Container("a", Mount("data", "/data"))}}
	if b != nil {
		p.Containers = append(p.Containers, Container("b", b...))
	}
	return p
}

// What policy check says of a pod is what the kubelet makes of it.
func verdicts(t *testing.T, n *Node) {
	data, host := EmptyDir("data"), HostPath("data", n.Mkdir("host"))
	file := HostPath("data", n.Write("text\n", "file"))
	memory := Object{"name": "data", "emptyDir": Object{"medium": "Memory"}}
	info := Object{"name": "data", "downwardAPI": Object{"items": []Object{{"path": "name", "fieldRef": Object{"fieldPath": "metadata.name"}}}}}
	image := Object{"name": "data", "image": Object{"reference": containerd.ImageName, "pullPolicy": "Never"}}
	again := Mount("data", "/again")
	judge(t, n, nil, map[string]verdict{
		"none":           runs(one(data, nil), "a / directfs", "a /data directfs"),
		"off":            runs(one(data, annotations("data.directfs", "off"), again, Mount("data", "/sub", "subPath", "s")), "a /data lisafs", "b /again lisafs", "b /sub lisafs", "b / directfs"),
		"on":             runs(one(data, annotations("data.directfs", "on")), "a /data directfs"),
		"exclusive":      runs(one(data, annotations("data.cache", "exclusive")), "a /data directfs"),
		"two-writers":    isRefused(one(data, annotations("data.cache", "exclusive"), again), `dev.gvisor.spec.mount.data.cache="exclusive": another mount changes the same files`),
		"writes-subpath": isRefused(one(data, annotations("data.cache", "exclusive"), Mount("data", "/sub", "subPath", "s")), "another mount changes the same files"),
		"readers":        runs(Pod{Annotations: annotations("data.cache", "exclusive"), Volumes: []Object{data}, Containers: []Object{Container("a", Mount("data", "/data", "readOnly", true)), Container("b", Mount("data", "/data", "readOnly", true))}}),
		"after-init":     runs(Pod{Annotations: annotations("data.cache", "exclusive"), Volumes: []Object{data}, Init: []Object{With(Container("i", Mount("data", "/data")), "command", []string{"true"})}, Containers: []Object{Container("a", Mount("data", "/data"))}}),
		"sidecar":        isRefused(Pod{Annotations: annotations("data.cache", "exclusive"), Volumes: []Object{data}, Init: []Object{With(Container("s", Mount("data", "/data")), "restartPolicy", "Always")}, Containers: []Object{Container("a", Mount("data", "/data"))}}, "another mount changes the same files"),
		"memory-on":      runs(one(memory, annotations("data.directfs", "on")), "a /data directfs"),
		"memory-off":     runs(one(memory, annotations("data.directfs", "off")), "a /data lisafs"),
		"downward":       runs(one(info, annotations("data.directfs", "off")), "a /data lisafs"),
		"host":           isRefused(one(host, annotations("data.directfs", "off")), `dev.gvisor.spec.mount.data.directfs="off": hint names no mount source`, "for a hostPath volume, add dev.gvisor.spec.mount.data.source with its path"),
		"host-source":    runs(one(host, annotations("data.directfs", "off", "data.source", n.Path("host"))), "a /data lisafs"),
		"host-above":     runs(one(host, annotations("x.directfs", "off", "x.source", n.Dir)), "a /data lisafs"),
		"host-below":     runs(one(host, annotations("x.directfs", "off", "x.source", n.Mkdir("host", "below"))), "a /data directfs"),
		"file-source":    runs(one(file, annotations("data.directfs", "off", "data.source", n.Path("file"))), "a /data lisafs"),
		"host-type":      isRefused(one(host, annotations("data.directfs", "off", "data.type", "bind")), ""),
		"other-volume":   isRefused(one(data, annotations("other.directfs", "off")), `dev.gvisor.spec.mount.other.directfs="off": hint names no mount source`),
		"other-type":     isRefused(one(data, annotations("other.directfs", "off", "other.type", "bind")), ""),
		"unmounted":      isRefused(Pod{Annotations: annotations("data.directfs", "off"), Volumes: []Object{data}, Containers: []Object{Container("a")}}, "the name of one of the pod's volumes that a container mounts"),
		"unmounted-type": isRefused(Pod{Annotations: annotations("data.directfs", "off", "data.type", "bind"), Volumes: []Object{data}, Containers: []Object{Container("a")}}, ""),
		"image":          isRefused(one(image, annotations("data.directfs", "off")), "hint names no mount source"),
		"image-none":     runs(one(image, nil), "a /data directfs"),
		"type":           runs(one(data, annotations("data.type", "bind", "data.directfs", "off")), "a /data lisafs"),
		"type-only":      runs(one(data, annotations("data.type", "bind")), "a /data directfs"),
		"type-bad":       runs(one(info, annotations("data.type", "nfs"))),
		"share":          runs(one(data, annotations("data.type", "bind", "data.share", "pod"), again)),
		"share-off":      runs(one(data, annotations("data.type", "bind", "data.share", "pod", "data.directfs", "off"), again)),
		"share-on":       isRefused(one(data, annotations("data.type", "bind", "data.share", "pod", "data.directfs", "on"), again), "not a gofer mount"),
		"share-alone":    runs(one(data, annotations("data.share", "pod", "data.directfs", "off"))),
		"type-source":    isRefused(one(data, annotations("data.type", "bind", "data.source", "/srv", "data.directfs", "off")), ""),
		"key-typo":       isRefused(one(data, annotations("data.direct-fs", "off")), "dev.gvisor.spec.mount.data.direct-fs"),
		"prefix-typo":    isRefused(Pod{Annotations: map[string]string{"dev.gvisor.spec.mounts.data.directfs": "off"}, Containers: []Object{Container("a")}}, "dev.gvisor.spec.mounts.data.directfs"),
		"option":         isRefused(one(data, annotations("data.options", "directfs=off")), "dev.gvisor.spec.mount.data.options"),
		"source-rel":     isRefused(one(data, annotations("x.source", "srv", "x.directfs", "off")), "dev.gvisor.spec.mount.x.source"),
		"gofer":          isRefused(one(data, annotations("data.gofer", "blob/models")), `dev.gvisor.spec.mount.data.gofer="blob/models"`, "unknown gofer"),
		"rootfs":         runs(Pod{Annotations: map[string]string{"dev.gvisor.spec.rootfs.directfs": "off"}, Containers: []Object{Container("a")}}, "a / lisafs"),
		"flag":           isRefused(Pod{Annotations: map[string]string{"dev.gvisor.flag.directfs": "false"}, Containers: []Object{Container("a")}}, "flag override disabled"),
		"reserved":       isRefused(Pod{Annotations: map[string]string{"dev.gvisor.internal.directfs-plan": "x"}, Containers: []Object{Container("a")}}, "only the runtime may set this annotation"),
		"many":           isRefused(one(data, annotations("data.directfs", "Off", "data.cache", "never", "other.directfs", "off")), `data.directfs="Off"`, `data.cache="never"`, "dev.gvisor.spec.mount.other.directfs"),
		"everything":     runs(one(data, annotations("x.source", "/", "x.directfs", "off"), again), "a /data lisafs", "b /again lisafs"),
		"all-exclusive":  isRefused(one(data, annotations("x.source", "/var/lib/kubelet", "x.cache", "exclusive"), again), "another mount changes the same files"),
		"given":          isRefused(Pod{Annotations: annotations("x.source", "/var/lib/kubelet", "x.cache", "exclusive"), Containers: []Object{Container("a"), Container("b")}}, `dev.gvisor.spec.mount.x.cache="exclusive": another mount changes the same files: the hint is for mount "/etc/hosts"`),
		"given-one":      runs(Pod{Annotations: annotations("x.source", "/var/lib/kubelet", "x.cache", "exclusive"), Containers: []Object{Container("a")}}),
		"given-gofer":    isRefused(Pod{Annotations: annotations("x.source", "/var/lib/kubelet", "x.gofer", "blob/x"), Containers: []Object{Container("a")}}, "unknown gofer"),
		"subpath-expr":   runs(Pod{Annotations: annotations("data.directfs", "off"), Volumes: []Object{data}, Containers: []Object{With(Container("a", Mount("data", "/sub", "subPathExpr", "$(D)/x")), "env", []Object{{"name": "D", "value": "d"}})}}, "a /sub lisafs"),
	})
}

// With the flags for those who do not trust each other.
func narrow(t *testing.T, n *Node) {
	data := EmptyDir("data")
	flags := map[string]string{"directfs": "false", "directfs-hints": "narrow"}
	judge(t, n, flags, map[string]verdict{
		"narrow-none":      runs(one(data, nil), "a / lisafs", "a /data lisafs"),
		"narrow-off":       runs(one(data, annotations("data.directfs", "off"), Mount("data", "/again")), "b /again lisafs"),
		"narrow-exclusive": runs(one(data, annotations("data.cache", "exclusive")), "a /data lisafs"),
		"narrow-on":        isRefused(one(data, annotations("data.directfs", "on")), fmt.Sprintf("%s=%q", Hint("data", "directfs"), "on"), "not permitted by --directfs-hints"),
		"narrow-rootfs":    isRefused(Pod{Annotations: map[string]string{"dev.gvisor.spec.rootfs.directfs": "on"}, Containers: []Object{Container("a")}}, "not permitted by --directfs-hints"),
	})
}
