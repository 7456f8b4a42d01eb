package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

const sandboxType = "io.kubernetes.cri.container-type"

// bundle makes a bundle whose spec has what this version does not know, too.
func bundle(t *testing.T, annotations map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	spec := map[string]any{"ociVersion": "1.9.0", "news": map[string]any{"size": 12345678901234567}}
	if annotations != nil {
		spec["annotations"] = annotations
	}
	b, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), b, 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func read(t *testing.T, dir string) (annotations map[string]string, news string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	var spec struct {
		Annotations map[string]string
		News        json.RawMessage
	}
	if err := json.Unmarshal(b, &spec); err != nil {
		t.Fatal(err)
	}
	return spec.Annotations, string(spec.News)
}

func TestPrepareBundle(t *testing.T) {
	pods := kubelet(t, "kubernetes.io~empty-dir/data")
	dir := bundle(t, map[string]string{sandboxType: "sandbox", "io.kubernetes.cri.sandbox-uid": "u1", "dev.gvisor.spec.mount.data.directfs": "off"})
	if err := prepareBundle(dir, pods); err != nil {
		t.Fatal(err)
	}
	got, news := read(t, dir)
	want := map[string]string{
		sandboxType: "sandbox", "io.kubernetes.cri.sandbox-uid": "u1", "dev.gvisor.spec.mount.data.directfs": "off",
		"dev.gvisor.spec.mount.data.source": filepath.Join(pods, "u1/volumes/kubernetes.io~empty-dir/data"),
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if news != `{"size":12345678901234567}` {
		t.Errorf("what is not known became %s", news)
	}
}

func TestPrepareStandalone(t *testing.T) {
	dir := bundle(t, nil)
	if err := prepareBundle(dir, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	if got, _ := read(t, dir); got[sandboxType] != "sandbox" || len(got) != 2 {
		t.Errorf("got %v", got)
	}
}

// A bundle in which there is nothing to do is not written.
func TestPrepareMember(t *testing.T) {
	dir := bundle(t, map[string]string{sandboxType: "container", "dev.gvisor.spec.mount.data.directfs": "off"})
	if err := os.Chmod(filepath.Join(dir, "config.json"), 0o400); err != nil {
		t.Fatal(err)
	}
	if err := prepareBundle(dir, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(dir, "config.json")); err != nil || info.Mode() != 0o400 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestPrepareFails(t *testing.T) {
	pods := kubelet(t, "kubernetes.io~empty-dir/data", "kubernetes.io~nfs/data")
	dir := bundle(t, map[string]string{sandboxType: "sandbox", "io.kubernetes.cri.sandbox-uid": "u1", "dev.gvisor.spec.mount.data.directfs": "off"})
	if err := prepareBundle(dir, pods); err == nil || !strings.Contains(err.Error(), "kubernetes.io~nfs/data") {
		t.Errorf("two directories: %v", err)
	}
	if err := prepareBundle(t.TempDir(), pods); err == nil {
		t.Error("no config.json: no error")
	}
	for _, spec := range []string{"{", `{"annotations":{"a":1}}`} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(spec), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := prepareBundle(dir, pods); err == nil {
			t.Errorf("%s: no error", spec)
		}
	}
}

// kubelet makes the directory of a kubelet with a pod u1 that has the volumes.
func kubelet(t *testing.T, volumes ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, v := range volumes {
		if err := os.MkdirAll(filepath.Join(dir, "u1/volumes", v), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestFindVolume(t *testing.T) {
	pods := kubelet(t, "kubernetes.io~empty-dir/data", "kubernetes.io~csi/disk/mount", "kubernetes.io~csi/raw")
	if err := os.Symlink("/etc", filepath.Join(pods, "u1/volumes/kubernetes.io~empty-dir/link")); err != nil {
		t.Fatal(err)
	}
	const logs = "io.kubernetes.cri.sandbox-log-directory"
	for _, tc := range []struct{ key, value, name, want string }{
		{"io.kubernetes.cri.sandbox-uid", "u1", "data", "kubernetes.io~empty-dir/data"},
		{logs, "/var/log/pods/ns_pod_u1", "data", "kubernetes.io~empty-dir/data"},
		{logs, "/var/log/pods/u1", "data", "kubernetes.io~empty-dir/data"},
		{"io.kubernetes.cri.sandbox-uid", "u1", "disk", "kubernetes.io~csi/disk/mount"},
		{"io.kubernetes.cri.sandbox-uid", "u1", "raw", "kubernetes.io~csi/raw"},
		{"io.kubernetes.cri.sandbox-uid", "u1", "absent", ""},
		{"io.kubernetes.cri.sandbox-uid", "u1", "link", ""},
		{"io.kubernetes.cri.sandbox-uid", "u2", "data", ""},
		{"io.kubernetes.cri.sandbox-uid", "*", "data", ""},
		{"io.kubernetes.cri.sandbox-uid", "../u1", "data", ""},
		{"io.kubernetes.cri.sandbox-uid", "", "data", ""},
	} {
		got, ok, err := podVolumes{pods, map[string]string{tc.key: tc.value}}.find(tc.name)
		want := ""
		if tc.want != "" {
			want = filepath.Join(pods, "u1/volumes", tc.want)
		}
		if err != nil || ok != (want != "") || ok && got != want {
			t.Errorf("%s=%q, %s: got %q, %v, %v, want %q", tc.key, tc.value, tc.name, got, ok, err, want)
		}
	}
}
