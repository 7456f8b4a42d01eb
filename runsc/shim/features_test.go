package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	containerd "github.com/containerd/containerd/v2/pkg/shim"
	"github.com/containerd/typeurl/v2"
	specs "github.com/opencontainers/runtime-spec/specs-go/features"
	"google.golang.org/protobuf/proto"
	gvisor "gvisor.dev/gvisor/pkg/shim/v1"
	"gvisor.dev/gvisor/pkg/shim/v1/runtimeoptions"
)

// runtimeOptions are what containerd gives to a shim whose configuration file it
// knows.
func runtimeOptions(t *testing.T, path string) io.Reader {
	t.Helper()
	any, err := typeurl.MarshalAnyToProto(&runtimeoptions.Options{TypeUrl: "io.containerd.runsc.v1.options", ConfigPath: path})
	if err != nil {
		t.Fatal(err)
	}
	b, err := proto.Marshal(any)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.NewReader(b)
}

func write(t *testing.T, name, content string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// The features are those of the runtime that is configured.
func TestInfo(t *testing.T) {
	binary := write(t, "runtime", "#!/bin/sh\n[ \"$1\" = features ] && echo '{\"mountOptions\":[\"rro\"]}'\n", 0o755)
	var m containerd.Manager = manager{gvisor.NewShimManager(runtimeName)}
	info, err := m.Info(t.Context(), runtimeOptions(t, write(t, "runsc.toml", "binary_name = '"+binary+"'\n", 0o644)))
	if err != nil {
		t.Fatal(err)
	}
	f, err := typeurl.UnmarshalAny(info.Features)
	if err != nil || !slices.Equal(f.(*specs.Features).MountOptions, []string{"rro"}) || info.Name != runtimeName {
		t.Errorf("%+v, %v", info, err)
	}
	for _, config := range []string{"binary_name = '/no/such'\n", "binary_name = '/bin/true'\n", "no = toml = \n"} {
		if info, err := m.Info(t.Context(), runtimeOptions(t, write(t, "runsc.toml", config, 0o644))); err == nil {
			t.Errorf("%s: %+v", config, info)
		}
	}
}

// Without options the runtime is the one in PATH.
func TestConfiguredRuntime(t *testing.T) {
	for _, options := range []io.Reader{bytes.NewReader(nil), runtimeOptions(t, "")} {
		if got, err := configuredRuntime(options); got != "runsc" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	}
}
