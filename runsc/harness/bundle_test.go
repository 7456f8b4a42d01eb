package harness

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func TestBundleOnDisk(t *testing.T) {
	b, err := NewBundle(t.TempDir(), built.Guest,
		Mount("/data/deep", "ro"),
		FileMount("/etc/motd", "hello\n"),
		MountHint("d", "/data/deep", "off"),
		MountHint("m", "/etc/motd", ""),
		RootfsHint("on"),
		Args("ops", "/data/deep"),
		ReadonlyRoot(),
		PodMember("box", "app"),
	)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(b.Dir, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	var s specs.Spec
	if err := json.Unmarshal(data, &s); err != nil {
		t.Fatal(err)
	}
	if !s.Root.Readonly || !slices.Equal(s.Process.Args, []string{"/guest", "ops", "/data/deep"}) {
		t.Errorf("root %+v, arguments %q", s.Root, s.Process.Args)
	}
	want := map[string]string{
		"dev.gvisor.spec.mount.d.source":      filepath.Join(b.Dir, "src", "data_deep"),
		"dev.gvisor.spec.mount.d.directfs":    "off",
		"dev.gvisor.spec.rootfs.directfs":     "on",
		"io.kubernetes.cri.container-type":    "container",
		"io.kubernetes.cri.sandbox-id":        "box",
		"io.kubernetes.cri.container-name":    "app",
		"dev.gvisor.spec.mount.m.directfs":    "",
		"dev.gvisor.spec.mount.m.source":      "",
		"dev.gvisor.spec.mount.d.type":        "",
		"dev.gvisor.spec.mount.unknown.share": "",
	}
	for k, v := range want {
		if s.Annotations[k] != v {
			t.Errorf("annotation %s is %q, want %q", k, s.Annotations[k], v)
		}
	}
	if got := b.Binds(); !slices.Equal(got, []string{"/", "/data/deep", "/etc/motd"}) {
		t.Errorf("binds are %q", got)
	}
	for path, dir := range map[string]bool{"guest": false, "proc": true, "dev": true, "sys": true, "tmp": true, "data/deep": true, "etc/motd": false} {
		if fi, err := os.Stat(filepath.Join(b.Rootfs(), path)); err != nil || fi.IsDir() != dir {
			t.Errorf("rootfs/%s: %v, want directory %v", path, err, dir)
		}
	}
}

func TestBundleRefusesAHintForNoMount(t *testing.T) {
	if _, err := NewBundle(t.TempDir(), built.Guest, MountHint("d", "/data", "off")); err == nil {
		t.Error("a hint before its mount was accepted")
	}
}

func TestBundleInAUserNamespaceBelongsToItsRoot(t *testing.T) {
	b, err := NewBundle(t.TempDir(), built.Guest, Mount("/data"), UserNS(100000, 65536))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range b.Binds() {
		uid, err := ownerOf(b.Source(d))
		if err != nil || uid != 100000 {
			t.Errorf("owner of what is mounted at %s is %d, %v", d, uid, err)
		}
	}
}
