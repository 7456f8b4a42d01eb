package conformance

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/internal/clients/containerd"
	"github.com/directfs/runsc/runsc/internal/clients/lab"
)

// image is one that specs, or containerd, name. It is made here, under that name, and holds what
// the specs look at.
type image struct {
	name    string
	files   map[string]string // path: what it is a link to, or a copy of the guest's program if empty
	command []string
	mode    os.FileMode // of the copies
	passwd  string      // more users
	group   string
}

const (
	busybox = "registry.k8s.io/e2e-test-images/busybox:1.29-2"
	pause   = containerd.PauseName
)

var images = []image{
	{name: pause, command: []string{"pause"}, mode: 0o755, files: map[string]string{"bin/pause": ""}},
	{name: busybox, command: []string{"sh"}, mode: 0o755,
		files:  map[string]string{"bin/guest": "", "bin/ipcs": "guest", "bin/pgrep": "guest"},
		passwd: "nobody:x:65534:65534:nobody:/:/bin/false\n"},
	{name: "registry.k8s.io/e2e-test-images/nginx:1.14-2", command: []string{"nginx", "80"}, mode: 0o755,
		files: map[string]string{"bin/nginx": ""}},
	{name: "gcr.io/k8s-staging-cri-tools/hostnet-nginx-amd64:latest", command: []string{"nginx", "12003"}, mode: 0o755,
		files: map[string]string{"bin/nginx": ""}},
	{name: "registry.k8s.io/e2e-test-images/httpd:2.4.39-4", command: []string{"httpd", "80"}, mode: 0o755,
		files: map[string]string{"bin/httpd": ""}},
	{name: "registry.k8s.io/e2e-test-images/nonewprivs:1.3", command: []string{"nonewprivs"}, mode: 0o755 | os.ModeSetuid,
		files: map[string]string{"bin/nonewprivs": ""}},
	{name: "gcr.io/k8s-staging-cri-tools/test-image-predefined-group:latest", command: []string{"sh"},
		passwd: "default-user:x:1000:1000::/:/bin/sh\n", group: "group-defined-in-image:x:50000:default-user\n"},
}

// applets are commands of busybox that specs use, beside the lab's.
var applets = []string{"arp", "brctl", "grep", "hostname", "ip", "netstat", "nslookup", "pidof", "ping", "tee", "top", "umount"}

// build makes an image and returns its file.
func (i image) build(tb testing.TB, l *lab.Lab, guest string) string {
	tb.Helper()
	name := strings.NewReplacer("/", "-", ":", "-").Replace(i.name)
	dir := l.Rootfs(tb, name)
	l.Mkdir(name, "var/run")
	program, err := os.ReadFile(guest)
	if err != nil {
		tb.Fatal(err)
	}
	for path, link := range i.files {
		path = filepath.Join(dir, path)
		if link != "" {
			err = os.Symlink(link, path)
		} else if err = os.WriteFile(path, program, 0o755); err == nil {
			err = os.Chmod(path, i.mode)
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	for _, a := range applets {
		if err := os.Symlink("busybox", filepath.Join(dir, "bin", a)); err != nil && !os.IsExist(err) {
			tb.Fatal(err)
		}
	}
	l.Write("root:x:0:0:root:/root:/bin/sh\n"+i.passwd, name, "etc/passwd")
	l.Write("root:x:0:\n"+i.group, name, "etc/group")
	return l.NamedImage(tb, dir, name+".tar", i.name, i.command...)
}
