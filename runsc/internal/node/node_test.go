package node_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/directfs/runsc/runsc/cli"
)

// asRunsc makes this program the runtime. Its install and uninstall commands are
// others here: they write down how they were called.
const asRunsc = "RUNSC_TEST_AS_RUNSC"

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(asRunsc) == "":
		os.Exit(m.Run())
	case slices.Contains([]string{"install", "uninstall"}, os.Args[1]):
		if err := client(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	default:
		cli.Main()
	}
}

// client changes containerd's configuration.
func client(args []string) error {
	var file string
	for _, a := range args {
		if v, ok := strings.CutPrefix(a, "--config_file="); ok {
			file = v
		}
	}
	text := ""
	if args[0] == "install" {
		self, err := os.Executable()
		if err != nil {
			return err
		}
		text = fmt.Sprintf("%s/containerd-shim-runsc-v1 %s\n", filepath.Dir(self), args[2:])
	}
	fmt.Println("called:", args)
	return os.WriteFile(file, []byte(text), 0o644)
}

// host is a node's disk, and an image with the programs.
type host struct {
	t          *testing.T
	dir, image string
}

func newHost(t *testing.T) *host {
	h := &host{t, t.TempDir(), t.TempDir()}
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	h.write(filepath.Join(h.image, "runsc"), string(self))
	h.write(filepath.Join(h.image, "containerd-shim-runsc-v1"), "the shim")
	return h
}

func (h *host) write(path, text string) {
	h.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) path(name string) string { return filepath.Join(h.dir, name) }

func (h *host) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(h.t.Context(), filepath.Join(h.image, "runsc"), append([]string{"node", "--bin-dir=" + h.path("bin"),
		"--state-dir=" + h.path("state"), "--containerd-config=" + h.path("config.toml")}, args...)...)
	cmd.Env = append(os.Environ(), asRunsc+"=1")
	return cmd
}

func (h *host) run(want string, fails bool, args ...string) {
	h.t.Helper()
	out, err := h.command(args...).CombinedOutput()
	if (err != nil) != fails || !strings.Contains(string(out), want) {
		h.t.Errorf("%v: %v: %s; want %q", args, err, out, want)
	}
}

func (h *host) has(name string) bool {
	_, err := os.Stat(h.path(name))
	return err == nil
}

func TestNode(t *testing.T) {
	h := newHost(t)
	h.write(h.path("options.toml"), "[runsc_config]\nplatform = \"systrap\"\ndirectfs-hints = \"narrow\"\n")
	install := []string{"--config=" + h.path("options.toml"), "install"}
	h.run("not installed; nothing was changed", false, "uninstall")
	h.run("installed. Restart containerd on this node, and then label it", false, install...)
	conf, err := os.ReadFile(h.path("config.toml"))
	if err != nil || !strings.Contains(string(conf), "config.toml -- --directfs-hints=narrow --platform=systrap]") {
		t.Errorf("%s, %v", conf, err)
	}
	h.run("nothing was changed", false, install...)
	h.write(filepath.Join(h.image, "containerd-shim-runsc-v1"), "new shim")
	h.run("updated", false, install...)
	if b, err := os.ReadFile(h.path("bin/containerd-shim-runsc-v1")); err != nil || string(b) != "new shim" {
		t.Errorf("%s, %v", b, err)
	}
	h.write(h.path("state/k8s.io/c_sandbox:c.state"), "")
	h.run("1 containers of this runtime are on this node", true, "uninstall")
	if !h.has("bin/runsc") {
		t.Error("the runtime of a container was removed")
	}
	if err := os.RemoveAll(h.path("state/k8s.io")); err != nil {
		t.Fatal(err)
	}
	h.run("uninstalled. Restart containerd", false, "uninstall")
	left, err := os.ReadDir(h.path("bin"))
	if err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// An uninstall that was stopped behind containerd's configuration is finished.
func TestUninstallAfterInterruption(t *testing.T) {
	h := newHost(t)
	h.run("installed", false, "install")
	h.write(h.path("config.toml"), "version = 3\n")
	h.run("uninstalled", false, "uninstall")
	if h.has("bin/runsc") {
		t.Error("the runtime is left")
	}
}

func TestWait(t *testing.T) {
	h := newHost(t)
	cmd := h.command("--wait", "install")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	text := ""
	for b := make([]byte, 4096); !strings.Contains(text, "installed."); {
		n, err := out.Read(b)
		if text += string(b[:n]); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	stuck := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
	defer stuck.Stop()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

func TestUsage(t *testing.T) {
	h := newHost(t)
	h.run("allowed: install, uninstall", true)
	h.run("allowed: install, uninstall", true, "remove")
	h.write(h.path("options.toml"), "[runsc_config]\ndirectfs = false\n")
	h.run("directfs: false is no string", true, "--config="+h.path("options.toml"), "install")
	if h.has("bin") {
		t.Error("something was installed")
	}
	h.run("-state-dir", false, "--help")
}
