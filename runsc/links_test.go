package main_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// This file tests the walls that concern what a package links, by whatever way.

// engineFree are the packages for other programs that have nothing to do with
// an engine. Some are still to come.
var engineFree = []string{"pkg/ociconfig", "pkg/kubepolicy", "pkg/overlaymount", "pkg/admission", "pkg/volume/handoff", "pkg/volume/internal/packet"}

// foreign are beginnings of import paths: clients of clouds, Kubernetes and
// containerd. What needs one is a module of its own.
var foreign = []string{
	"k8s.io", "sigs.k8s.io", "github.com/containerd", "github.com/docker", "github.com/google/go-containerregistry",
	"cloud.google.com", "google.golang.org/api", "google.golang.org/grpc", "github.com/aws", "github.com/Azure", "github.com/minio",
	"gocloud.dev",
}

// dependencies lists what a package, or a pattern of them, links besides the
// standard library.
func dependencies(t *testing.T, pkg string) []string {
	t.Helper()
	return list(t, "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", module+"/"+pkg)
}

// list returns the words that "go list" prints.
func list(t *testing.T, args ...string) []string {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list"}, args...)...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v", cmd, err)
	}
	return strings.Fields(string(out))
}

func TestPureLinksNothing(t *testing.T) {
	if deps := dependencies(t, policy); !slices.Equal(deps, []string{module + "/" + policy}) {
		t.Errorf("%s links %v: it decides from its input alone and imports parts of the standard library only, "+
			"so that the same request gives the same plan everywhere", policy, deps)
	}
}

func TestOverlaysLinkNothing(t *testing.T) {
	if deps := dependencies(t, overlays); !slices.Equal(deps, []string{module + "/" + overlays}) {
		t.Errorf("%s links %v: it reads and checks the options of overlays from its input alone; what has to be looked up on the host is in package inspect", overlays, deps)
	}
}

func TestReaderLinksNoEngine(t *testing.T) {
	allowed := []string{module + "/" + policy, module + "/" + reader, module + "/" + overlays, "github.com/opencontainers/runtime-spec/specs-go"}
	for _, d := range dependencies(t, reader) {
		if !slices.Contains(allowed, d) {
			t.Errorf("%s links %s: embedders go from a spec to a plan with it, without linking an engine", reader, d)
		}
	}
}

func TestEmbeddersLinkNoRuntime(t *testing.T) {
	packages := list(t, module+"/pkg/...")
	if len(packages) == 0 {
		t.Fatal("no packages below pkg")
	}
	for _, pkg := range packages {
		name := strings.TrimPrefix(pkg, module+"/")
		isEngineFree := slices.ContainsFunc(engineFree, func(dir string) bool { return under(name, dir) })
		for _, d := range dependencies(t, name) {
			if under(d, module+"/runsc") {
				t.Errorf("%s links %s: pkg/* is for embedders, who do not link this runtime", name, d)
			}
			if isEngineFree && under(d, gvisor) {
				t.Errorf("%s links %s: it reads, decides or explains, for programs without an engine", name, d)
			}
		}
	}
}

func TestNoForeignClients(t *testing.T) {
	for _, d := range list(t, "-deps", "-test", module+"/...") {
		if isForeign(d) {
			t.Errorf("the module or its tests link %s: a client of a cloud, of Kubernetes or of containerd belongs in a nested module, "+
				"so that the runtime's dependencies stay few", d)
		}
	}
	for path, want := range map[string]bool{
		"k8s.io/api/core/v1": true, "github.com/containerd/containerd/v2/client": true, "github.com/Azure/azure-sdk-for-go": true,
		"github.com/coreos/go-systemd/v22/dbus": false, "google.golang.org/protobuf/proto": false, "k8s.iota/x": false,
	} {
		if isForeign(path) != want {
			t.Errorf("isForeign(%q) is %v", path, !want)
		}
	}
}

func isForeign(path string) bool {
	return slices.ContainsFunc(foreign, func(beginning string) bool { return under(path, beginning) })
}
