package lab

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// ImageName is the name of the image that Image makes. It is one that no engine
// looks for in a registry.
const ImageName = "localhost/guest:latest"

// Applets are the commands in the image, links to busybox.
var Applets = []string{"cat", "chmod", "dd", "echo", "env", "false", "head", "id", "kill", "ln", "ls", "mkdir", "mount", "mv", "ps", "rm", "rmdir",
	"sh", "sleep", "sort", "stat", "sync", "tail", "touch", "true", "uname", "wc"}

// Rootfs makes a directory with a static busybox in it.
func (l *Lab) Rootfs(tb testing.TB, name string) string {
	tb.Helper()
	busybox, err := os.ReadFile("/bin/busybox")
	if err != nil {
		tb.Fatal(err)
	}
	dir := l.Mkdir(name)
	for _, d := range []string{"bin", "etc", "dev", "proc", "sys", "tmp", "root"} {
		l.Mkdir(name, d)
	}
	if err := os.WriteFile(filepath.Join(dir, "bin/busybox"), busybox, 0o755); err != nil {
		tb.Fatal(err)
	}
	for _, a := range Applets {
		if err := os.Symlink("busybox", filepath.Join(dir, "bin", a)); err != nil {
			tb.Fatal(err)
		}
	}
	l.Write("root:x:0:0:root:/root:/bin/sh\n", name, "etc/passwd")
	return dir
}

// Image makes an image of a directory, without a registry: a tar file that is
// what "docker load", "podman load" and "ctr image import" take, as it is both a
// docker archive and an OCI layout.
func (l *Lab) Image(tb testing.TB, rootfs string) string {
	tb.Helper()
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	if err := w.AddFS(linkFS{os.DirFS(rootfs), rootfs}); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	files := map[string][]byte{}
	config := blob(files, encode(tb, map[string]any{
		"architecture": runtime.GOARCH, "os": "linux",
		"config": map[string]any{"Env": []string{"PATH=/bin"}, "Cmd": []string{"sh"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{digest(layer.Bytes())}},
	}), "application/vnd.oci.image.config.v1+json")
	manifest := blob(files, encode(tb, map[string]any{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
		"config": config, "layers": []any{blob(files, layer.Bytes(), "application/vnd.oci.image.layer.v1.tar")},
	}), "application/vnd.oci.image.manifest.v1+json")
	manifest["annotations"] = map[string]string{"io.containerd.image.name": ImageName, "org.opencontainers.image.ref.name": "latest"}
	files["oci-layout"] = []byte(`{"imageLayoutVersion":"1.0.0"}`)
	files["index.json"] = encode(tb, map[string]any{"schemaVersion": 2, "manifests": []any{manifest}})
	files["manifest.json"] = encode(tb, []any{map[string]any{
		"Config": path(config), "RepoTags": []string{ImageName}, "Layers": []string{blobPath(digest(layer.Bytes()))},
	}})
	return l.archive(tb, files)
}

func (l *Lab) archive(tb testing.TB, files map[string][]byte) string {
	tb.Helper()
	name := l.Path("image.tar")
	f, err := os.Create(name)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	w := tar.NewWriter(f)
	for name, content := range files {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))}); err != nil {
			tb.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return name
}

func digest(b []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(b)) }

func blobPath(digest string) string { return "blobs/" + strings.Replace(digest, ":", "/", 1) }

func path(descriptor map[string]any) string { return blobPath(descriptor["digest"].(string)) }

// blob adds a blob and returns its descriptor.
func blob(files map[string][]byte, content []byte, mediaType string) map[string]any {
	d := digest(content)
	files[blobPath(d)] = content
	return map[string]any{"mediaType": mediaType, "digest": d, "size": len(content)}
}

func encode(tb testing.TB, v any) []byte {
	tb.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// linkFS is a directory with its links.
type linkFS struct {
	fs.FS
	dir string
}

func (f linkFS) ReadLink(name string) (string, error) { return os.Readlink(filepath.Join(f.dir, name)) }

func (f linkFS) Lstat(name string) (fs.FileInfo, error) { return os.Lstat(filepath.Join(f.dir, name)) }
