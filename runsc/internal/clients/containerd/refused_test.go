package containerd

import (
	"os"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/internal/clients/suite"
)

// The operator's ceiling is in the shim's configuration.
func narrow(t *testing.T, d *Daemon) {
	p := d.Pod(t, PodSpec{Handler: "narrow", Volumes: []string{emptyDir + "data"}, Annotations: map[string]string{key("data", "directfs"): "off", key("data", "cache"): "shared"}})
	id := p.Start(t, ContainerSpec{Name: "a", Mounts: []Mount{{Container: "/data", Host: p.Volume(emptyDir, "data")}}})
	d.directFS(t, id, map[string]bool{"/data": false, "/etc/hosts": true})
	d.verify(t, id, "--directfs-hints=narrow")
	// What a pod's author cannot set.
	d.refusesPod(t, PodSpec{Handler: "narrow", Annotations: map[string]string{"dev.gvisor.flag.directfs-hints": "all"}}, "directfs-hints")
}

// refusesPod runs a pod that is refused, for all of the reasons.
func (d *Daemon) refusesPod(t *testing.T, s PodSpec, reasons ...string) {
	t.Helper()
	p := d.PreparePod(t, s)
	r := p.Run()
	for _, reason := range reasons {
		if r.Code == 0 || !strings.Contains(r.Stderr, reason) {
			t.Errorf("%+v\nwant %s", r, reason)
		}
	}
	if err := os.RemoveAll(KubeletPods + "/" + p.UID); err != nil {
		t.Error(err)
	}
}

// A container that asks for more than its sandbox has: the kubelet's event is
// what the call's error says.
func asksForMore(t *testing.T, d *Daemon) {
	p := d.Pod(t, PodSpec{Handler: "off", Volumes: []string{emptyDir + "data"}})
	host := p.Volume(emptyDir, "data")
	c := ContainerSpec{Name: "a", Mounts: []Mount{{Container: "/data", Host: host}}, Annotations: map[string]string{key("data", "source"): host, key("data", "directfs"): "on"}}
	d.refuses(t, p, c, `mount "/data" needs directfs (hint dev.gvisor.spec.mount.data.directfs=on): sandbox was started without directfs privileges; give the pod dev.gvisor.spec.mount.data.directfs=on before its sandbox starts, or set the hint to off`)
	// The pod goes on, and a container that asks for nothing runs in it.
	c.Name, c.Annotations = "b", nil
	d.directFS(t, p.Start(t, c), map[string]bool{"/data": false})
}

// All that is wrong is said at once, of a pod and of a container.
func refusedPod(t *testing.T, d *Daemon) {
	d.refusesPod(t, PodSpec{Volumes: []string{emptyDir + "data"}, Annotations: map[string]string{
		key("data", "directfs"): "onn", key("absent", "directfs"): "off", key("data", "gofer"): "/etc", "dev.gvisor.spec.rootfs.cache": "x",
	}},
		`dev.gvisor.spec.mount.data.directfs="onn"`, `dev.gvisor.spec.mount.absent.directfs="off": hint names no mount source; `,
		`dev.gvisor.spec.mount.data.gofer="/etc"`, `dev.gvisor.spec.rootfs.cache="x" (mount "/"): invalid value; allowed: shared, exclusive, default`)

	p := d.Pod(t, PodSpec{Handler: "off", Volumes: []string{emptyDir + "data"}})
	host := p.Volume(emptyDir, "data")
	d.refuses(t, p, ContainerSpec{Name: "a", Mounts: []Mount{{Container: "/data", Host: host}}, Annotations: map[string]string{
		key("data", "source"): host, key("data", "cache"): "never", "dev.gvisor.spec.rootfs.directfs": "Off",
	}}, `dev.gvisor.spec.mount.data.cache="never" (mount "`+host+`"): invalid value`, `dev.gvisor.spec.rootfs.directfs="Off" (mount "/"): invalid value`)
}

// What users see of a configuration that is wrong.
func TestConfiguration(t *testing.T) {
	d := cri(t,
		Handler{Name: "unknown", Flags: map[string]string{"nosuch": "1"}},
		Handler{Name: "value", Flags: map[string]string{"directfs-hints": "some"}},
		Handler{Name: "syntax", Text: "binary_name =\n"},
		Handler{Name: "type", Text: "[runsc_config]\n  debug = true\n"},
		Handler{Name: "noprogram", Program: "/no/such/runsc"},
		Handler{Name: "noshim", Type: "io.containerd.absent.v1"},
	)
	d.Leaks(t)
	for handler, want := range map[string]string{
		"unknown":   "OCI runtime create failed: flag provided but not defined: -nosuch",
		"value":     `OCI runtime create failed: invalid value "some" for flag -directfs-hints: --directfs-hints="some": invalid value; allowed: all, narrow, none`,
		"syntax":    `decode config file "` + d.Path("syntax.toml") + `": toml: line 1 (last key "binary_name"): expected value but found`,
		"type":      `decode config file "` + d.Path("type.toml") + `": toml: line 2 (last key "runsc_config.debug"): incompatible types: TOML value has type bool; destination has type string`,
		"noprogram": "fork/exec /no/such/runsc: no such file or directory",
		"noshim":    `failed to resolve runtime path: runtime "io.containerd.absent.v1" binary not installed "containerd-shim-absent-v1": file does not exist`,
	} {
		d.refusesPod(t, PodSpec{Handler: handler}, want)
	}
}

// With grouping, all containers of a pod have one shim.
func TestGrouping(t *testing.T) {
	const file = "/etc/containerd/runsc/config.toml"
	d := cri(t)
	d.Leaks(t)
	if err := os.MkdirAll("/etc/containerd/runsc", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("grouping = true\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Remove(file); err != nil {
			t.Error(err)
		}
	})
	p := d.Pod(t, PodSpec{Volumes: []string{emptyDir + "data"}, Annotations: map[string]string{key("data", "directfs"): "off"}})
	data := []Mount{{Container: "/data", Host: p.Volume(emptyDir, "data")}}
	for _, name := range []string{"a", "b"} {
		id := p.Start(t, ContainerSpec{Name: name, Mounts: data})
		d.directFS(t, id, map[string]bool{"/data": false})
		d.verify(t, id)
	}
	if pids := suite.Processes(t, "containerd-shim-runsc-v1", ""); len(pids) != 1 {
		t.Errorf("shims: %v", pids)
	}
	// The container's end is not the pod's.
	c := p.Start(t, ContainerSpec{Name: "c", Mounts: data})
	d.Ask(t, "stop", "--timeout", "0", c)
	d.Ask(t, "rm", c)
	is(t, d.ExecSync(p.Start(t, ContainerSpec{Name: "e"}), "echo", "x"), 0, "x\n")
}

// An overlay mount cannot be said through the CRI, but a handler's base spec can
// have one. Every container of the handler gets it, a pod's first one as well.
func overlay(t *testing.T, d *Daemon) {
	for _, dir := range []string{"lower1", "lower2"} {
		d.Write(dir+"\n", dir, dir)
	}
	p := d.Pod(t, PodSpec{Handler: "overlay"})
	a := p.Start(t, ContainerSpec{Name: "a"})
	is(t, d.ExecSync(a, "ls", "/o"), 0, "lower1\nlower2\n")
	d.verify(t, a, "/o")
}
