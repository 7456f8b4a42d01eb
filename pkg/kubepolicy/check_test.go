package kubepolicy_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/kubepolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
)

// What this package does to a pod is written after one file of the gVisor
// module, which it cannot call: the shim looks at the node's disk.
func TestShimHasNotChanged(t *testing.T) {
	const (
		file = "pkg/shim/v1/utils/volumes.go"
		want = "d3ffda35a9b57f5b27fccf8dff3e13626ebf50cebbaf1cb0f0e46a50650498e4"
	)
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "gvisor.dev/gvisor").Output()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), file))
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%x", sha256.Sum256(b)); got != want {
		t.Errorf("%s of the gVisor module has changed: compare UpdateVolumeAnnotations with shim.go and check.go, then set the sum here to %s", file, got)
	}
}

// pod is a Pod with one volume called v, mounted at /v by one container.
func pod(volume, annotations string) string {
	return `{"kind":"Pod","metadata":{"annotations":{` + annotations + `}},"spec":{
		"volumes":[{"name":"v"` + volume + `}],
		"containers":[{"name":"c","volumeMounts":[{"name":"v","mountPath":"/v"}]}]}}`
}

// vkey is an annotation of the name v.
func vkey(field, value string) string {
	return fmt.Sprintf("%q:%q", "dev.gvisor.spec.mount."+"v."+field, value)
}

// The table of volumes and keys in docs/policy-command.md.
func TestPodVolumes(t *testing.T) {
	const (
		configMap = `,"configMap":{}`
		emptyDir  = `,"emptyDir":{}`
		hostPath  = `,"hostPath":{"path":"/h"}`
		claim     = `,"persistentVolumeClaim":{"claimName":"c"}`
		csi       = `,"csi":{"driver":"d"}`
		forced    = `,"dev.gvisor.empty-dir.v.force-shared":"true"`
	)
	typ, share := vkey("type", "bind"), vkey("share", "pod")
	on, off := vkey("directfs", "on"), vkey("directfs", "off")
	for _, tt := range []struct {
		name, volume, annotations string
		level                     kubepolicy.Level
		text                      string
	}{
		{"type", configMap, typ + "," + off, kubepolicy.Note, `/v: lisafs, hint`},
		{"type and share", configMap, typ + "," + share + "," + on, kubepolicy.Note, `/v: directfs, hint`},
		{"share and hint", configMap, share + "," + off, kubepolicy.Note, `/v: lisafs, hint`},
		{"hint alone", configMap, off, kubepolicy.Note, `/v: lisafs, hint`},
		{"cache alone", configMap, vkey("cache", "exclusive"), kubepolicy.Note, `/v: directfs, --directfs=true; cache: hint`},
		{"hint alone, emptyDir", emptyDir, on, kubepolicy.Note, `/v: directfs, hint`},
		{"hint alone, csi", csi, off, kubepolicy.Note, `/v: lisafs, hint`},
		{"hint alone, claim", claim, off, kubepolicy.Warning, `unless that is "v" too`},
		{"hint alone, ephemeral", `,"ephemeral":{}`, off, kubepolicy.Refused, "the volume is ephemeral"},
		{"hint alone, hostPath", hostPath, off, kubepolicy.Refused, "for a hostPath volume, add dev.gvisor.spec.mount.v.source"},
		{"hint alone, image", `,"image":{}`, off, kubepolicy.Refused, "hint names no mount source"},
		{"image, type", `,"image":{}`, typ + "," + off, kubepolicy.Refused, "the volume is an image"},
		{"hint of no volume", configMap, strings.ReplaceAll(off, "mount.v.", "mount.w."), kubepolicy.Refused, "hint names no mount source"},
		{"hint of no volume, claim", claim, strings.ReplaceAll(off, "mount.v.", "mount.w."), kubepolicy.Warning, "unless that is the name of a PersistentVolume"},
		{"source replaced", configMap, typ + "," + off + "," + vkey("source", "/x"), kubepolicy.Refused, "because the two differ"},
		{"source replaced, no hint", configMap, typ + "," + vkey("source", "/x"), kubepolicy.Warning, "the shim sets the source"},
		{"emptyDir in memory, on", emptyDir, typ + "," + share + "," + on, kubepolicy.Refused, "not a gofer mount"},
		{"emptyDir in memory, off", emptyDir, typ + "," + share + "," + off, kubepolicy.Note, `/v: none, not a gofer mount`},
		{"emptyDir shared by hint", emptyDir, typ + "," + vkey("share", "shared") + "," + on, kubepolicy.Note, `/v: directfs, hint`},
		{"emptyDir without share", emptyDir, typ + "," + on, kubepolicy.Note, `/v: directfs, hint`},
		{"emptyDir forced", emptyDir, typ + "," + share + "," + on + forced, kubepolicy.Note, `/v: directfs, hint`},
		{"emptyDir typed tmpfs", emptyDir, vkey("type", "tmpfs") + "," + share + "," + on, kubepolicy.Refused, "not a gofer mount"},
		{"hostPath, type", hostPath, typ + "," + off, kubepolicy.Refused, "hostPath"},
		{"hostPath, source", hostPath, vkey("source", "/h/") + "," + off, kubepolicy.Note, `/v: lisafs, hint`},
		{"claim", claim, typ + "," + off, kubepolicy.Warning, "PersistentVolume"},
		{"ephemeral", `,"ephemeral":{}`, typ + "," + off, kubepolicy.Refused, "PersistentVolume"},
		{"csi", csi, typ + "," + off, kubepolicy.Note, `/v: lisafs, hint`},
		{"unknown type", configMap, vkey("type", "nfs") + "," + off, kubepolicy.Warning, "allowed: bind, tmpfs"},
		{"source of no mount", configMap, vkey("source", "/x") + "," + off, kubepolicy.Warning, "matches no mount of any container"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := kubepolicy.ParsePod([]byte(pod(tt.volume, tt.annotations)))
			if err != nil {
				t.Fatal(err)
			}
			found := kubepolicy.Check(p, ociconfig.Options{Flag: true})
			if !slices.ContainsFunc(found, func(f kubepolicy.Finding) bool { return f.Level == tt.level && strings.Contains(f.Text, tt.text) }) {
				t.Errorf("no %s with %q in %+v", tt.level, tt.text, found)
			}
			refused := slices.ContainsFunc(found, func(f kubepolicy.Finding) bool { return f.Level == kubepolicy.Refused })
			if refused != (tt.level == kubepolicy.Refused) {
				t.Errorf("refused: %t; %+v", refused, found)
			}
		})
	}
}

// What is expected of a pod of other volumes and containers than those of pod.
func TestMountsOfPods(t *testing.T) {
	const empty = `"volumes":[{"name":"v","emptyDir":{}}],"containers":[{"name":"c"}]`
	const two = `"containers":[{"name":"a"%s},{"name":"b"%[1]s}]`
	const given = `"dev.gvisor.spec.mount.x.cache":"exclusive","dev.gvisor.spec.mount.x.source":`
	off := vkey("directfs", "off")
	hosts := fmt.Sprintf(two, `,"volumeMounts":[{"name":"h","mountPath":"/etc/hosts/","readOnly":true}]`) + `,"volumes":[{"name":"h","hostPath":{"path":"/srv/hosts"}}]`
	for name, tt := range map[string]struct{ annotations, spec, refused string }{
		"no container mounts it":                 {off, empty, "that a container mounts"},
		"no container mounts it, type":           {off + "," + vkey("type", "bind"), empty, "no container mounts the volume"},
		"no container mounts it, maybe a claim":  {off, strings.Replace(empty, "}],", `},{"name":"w","persistentVolumeClaim":{}}],`, 1), ""},
		"two containers have the kubelet's file": {given + `"/var/lib/kubelet"`, fmt.Sprintf(two, ""), `mount "/etc/hosts" of container "a"`},
		"each has a log of its own":              {given + `"/var/lib/kubelet/pods/UID/containers"`, fmt.Sprintf(two, ""), ""},
		"containerd's files":                     {given + `"/var/lib/containerd"`, fmt.Sprintf(two, ""), `mount "/etc/hostname" of container "a"`},
		"containerd's files, read-only":          {given + `"/var/lib/containerd"`, fmt.Sprintf(two, `,"securityContext":{"readOnlyRootFilesystem":true}`), ""},
		"a volume in place of the kubelet's":     {given + `"/var/lib/kubelet/pods/UID/etc-hosts"`, hosts, ""},
	} {
		p, err := kubepolicy.ParsePod(fmt.Appendf(nil, `{"metadata":{"annotations":{%s}},"spec":{%s}}`, tt.annotations, tt.spec))
		if err != nil {
			t.Fatal(name, err)
		}
		refused := ""
		for _, f := range kubepolicy.Check(p, ociconfig.Options{Flag: true}) {
			if f.Level == kubepolicy.Refused {
				refused += f.Text + "\n"
			}
			if f.Level == kubepolicy.Note && strings.Contains(f.Text, "/etc/resolv.conf") {
				t.Errorf("%s: a note on what is no volume: %s", name, f.Text)
			}
		}
		if !strings.Contains(refused, tt.refused) || tt.refused == "" && refused != "" {
			t.Errorf("%s: refused: %q, want %q", name, refused, tt.refused)
		}
	}
}

// Keys that Kubernetes or containerd keep from the runtime.
func TestKeysThatDoNotArrive(t *testing.T) {
	for key, want := range map[string]string{
		"dev.gvisor.spec.mount.a/v.directfs":                             "matches no slash, so the hint would not count",
		"dev.gvisor.spec.mount." + strings.Repeat("v", 32) + ".directfs": "",
		"dev.gvisor.spec.mount." + strings.Repeat("v", 33) + ".directfs": "Kubernetes refuses a key of 64 characters; allowed: 63",
		"dev.gvisor.spec.mount.*.directfs":                               "Kubernetes refuses the key",
		"dev.gvisor.spec.mount.v.directfs ":                              "Kubernetes refuses the key",
		"example.com/" + strings.Repeat("x", 63):                         "",
		"io.kubernetes.cri." + strings.Repeat("not the runtime's ", 5):   "",
	} {
		name := strings.TrimSuffix(strings.TrimPrefix(key, "dev.gvisor.spec.mount."), ".directfs")
		p, err := kubepolicy.ParsePod(fmt.Appendf(nil, `{"metadata":{"annotations":{%q:"off"}},"spec":{"volumes":[{"name":%q,"emptyDir":{}}],
			"containers":[{"name":"c","volumeMounts":[{"name":%[2]q,"mountPath":"/v"}]}]}}`, key, name))
		if err != nil {
			t.Fatal(err)
		}
		refused := ""
		for _, f := range kubepolicy.Check(p, ociconfig.Options{Flag: true}) {
			if f.Level == kubepolicy.Refused {
				refused += f.Text + "\n"
			}
		}
		if !strings.Contains(refused, want) || strings.Count(refused, "\n") != min(1, len(want)) {
			t.Errorf("%s: refused: %q, want %q", key, refused, want)
		}
	}
}

// A gofer hint for the volume of a pod: by the shim's source, and by one that is
// written by hand.
func TestPodGofers(t *testing.T) {
	o := ociconfig.Options{Flag: true, Gofers: map[string]ociconfig.GoferFunc{"blob": func(ociconfig.GoferQuery) (directfspolicy.Gofer, error) {
		return directfspolicy.Gofer{}, nil
	}}}
	const emptyDir, hostPath, csi = `,"emptyDir":{}`, `,"hostPath":{"path":"/h"}`, `,"csi":{"driver":"d"}`
	named := vkey("gofer", "blob/models")
	for _, tt := range []struct {
		name, volume, annotations string
		level                     kubepolicy.Level
		text                      string
	}{
		{"hostPath", hostPath, vkey("source", "/h/") + "," + named, kubepolicy.Note, `/v: lisafs, backend "blob/models" cannot donate a root FD; gofer: hint dev.gvisor.spec.mount.v.gofer=blob/models`},
		{"emptyDir", emptyDir, vkey("type", "bind") + "," + named, kubepolicy.Note, `gofer: hint`},
		{"emptyDir in memory", emptyDir, vkey("type", "bind") + "," + vkey("share", "pod") + "," + named, kubepolicy.Refused, "not a gofer mount"},
		{"a directory in what the hint names", csi, vkey("type", "bind") + "," + named, kubepolicy.Refused, "a gofer serves a whole volume"},
		{"not registered", hostPath, vkey("source", "/h") + "," + vkey("gofer", "s3/models"), kubepolicy.Refused, "unknown gofer"},
		{"a URL", hostPath, vkey("source", "/h") + "," + vkey("gofer", "s3://models"), kubepolicy.Refused, "no path or URL"},
		{"source replaced", emptyDir, vkey("type", "bind") + "," + named + "," + vkey("source", "/x"), kubepolicy.Refused, "because the two differ"},
	} {
		p, err := kubepolicy.ParsePod([]byte(pod(tt.volume, tt.annotations)))
		if err != nil {
			t.Fatal(err)
		}
		found := kubepolicy.Check(p, o)
		if !slices.ContainsFunc(found, func(f kubepolicy.Finding) bool { return f.Level == tt.level && strings.Contains(f.Text, tt.text) }) {
			t.Errorf("%s: no %s with %q in %+v", tt.name, tt.level, tt.text, found)
		}
	}
}

// FuzzParsePod: any bytes are a pod that can be checked, or an error.
func FuzzParsePod(f *testing.F) {
	f.Add([]byte(pod(`,"emptyDir":{}`, vkey("directfs", "on"))))
	f.Add([]byte(`{"` + "dev.gvisor.spec.mount." + `v.directfs":"off"}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := kubepolicy.ParsePod(b)
		if err == nil {
			kubepolicy.Check(p, ociconfig.Options{Flag: true})
		}
	})
}
