package install_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// machineOfDocs is what the documentation's machine has below /etc.
var machineOfDocs = map[string]string{
	"docker/daemon.json": "{\n  \"log-driver\": \"json-file\",\n  \"log-opts\": {\"max-size\": \"10m\"}\n}\n",
	"containerd/config.toml": "version = 3\n\n[plugins.'io.containerd.cri.v1.images'.pinned_images]\n" +
		"  sandbox = 'registry.k8s.io/pause:3.10' # the pause image\n",
}

// wrapper is a runsc for which /etc is elsewhere.
const wrapper = `#!/bin/sh
command=$1; shift
case "$*" in
*podman*) file=containers/containers.conf.d/runsc.conf ;;
*containerd*) file=containerd/config.toml ;;
*) file=docker/daemon.json ;;
esac
exec "$REAL" "$command" --config_file="$ETC/$file" "$@"
`

var console = regexp.MustCompile("(?s)```console\n(.*?)```\n")

// Every example of the document prints what the document says.
func TestReference(t *testing.T) {
	const document = "../../../docs/install.md"
	dir := t.TempDir()
	etc, bin := filepath.Join(dir, "etc"), filepath.Join(dir, "bin")
	for name, text := range machineOfDocs {
		write(t, filepath.Join(etc, name), text, 0o644)
	}
	write(t, filepath.Join(bin, "runsc"), wrapper, 0o755)
	real, err := exec.LookPath("runsc")
	if err != nil {
		t.Fatal(err)
	}
	tools := clientTools(t)
	env := append(os.Environ(), "ETC="+etc, "REAL="+real, "CONTAINERS_CONF=",
		"PATH="+strings.Join([]string{bin, tools + "/ours", tools + "/containerd2", os.Getenv("PATH")}, ":"))
	run := func(command string) string {
		cmd := exec.Command("sh", "-c", strings.ReplaceAll(command, " /etc/", " "+etc+"/"))
		cmd.Env = env
		out, _ := cmd.CombinedOutput() // refusals are among the examples
		text := strings.ReplaceAll(mask(string(out), dir), tools+"/ours", "/usr/local/bin")
		// Where the program is, is no property of the example.
		return regexp.MustCompile(`(?m)^warning: .* may write to .*\n`).ReplaceAllString(text, "")
	}
	old, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	got := console.ReplaceAllStringFunc(string(old), func(block string) string {
		var b strings.Builder
		for line := range strings.Lines(console.FindStringSubmatch(block)[1]) {
			if command, ok := strings.CutPrefix(line, "$ "); ok {
				b.WriteString(line + run(command))
			}
		}
		return "```console\n" + b.String() + "```\n"
	})
	switch {
	case got == string(old):
	case *update:
		write(t, document, got, 0o644)
	default:
		t.Errorf("%s is not what the commands print; run: go test ./runsc/internal/install -update\n%s", document, got)
	}
}

func write(t *testing.T, file, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}
