package install

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/internal/install/files"
	"github.com/directfs/runsc/runsc/internal/install/jsontext"
	"github.com/directfs/runsc/runsc/internal/install/tomltext"
)

// call is a task on files below a directory, as if all of the machine had been
// checked.
func call(t testing.TB, client, dir string, settings map[string]string) *task {
	t.Helper()
	name := map[string]string{"docker": "daemon.json", "podman": "containers.conf.d/runsc.conf", "containerd": "config.toml"}[client]
	c := &task{client: clients[client], runtime: "runsc", file: filepath.Join(dir, name), program: "/usr/local/bin/runsc",
		shim: "/usr/local/bin/containerd-shim-runsc-v1", settings: settings, clobber: true, out: io.Discard, err: io.Discard}
	for key, value := range settings {
		c.flags = append(c.flags, "--"+key+"="+value)
	}
	return c
}

// in makes a task without the checks of its client, which look at the machine.
func (t *task) in(d files.Disk, plan func(*task, []files.File) ([]files.Change, error)) error {
	_, err := t.change(d, plan)
	return err
}

// tree is every file below a directory, by its path there.
func tree(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		all[strings.TrimPrefix(path, dir+"/")] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func sameTree(a, b map[string]string) bool { return fmt.Sprint(a) == fmt.Sprint(b) }

// start is what is there before install, by client.
var start = map[string]map[string]string{
	"docker": {"daemon.json": "{\n  \"debug\": true,\n  \"runtimes\": {\"runsc\":{\"path\":\"/old\"}}\n}\n"},
	"podman": {"containers.conf": "[engine]\n", "containers.conf.d/runsc.conf": "# mine\n[engine]\na = 1"},
	"containerd": {"config.toml": "version = 3 # three\n[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runsc]\nx = 1\n",
		"runsc.toml": "[runsc_config]\n"},
}

func plant(t testing.TB, dir string, texts map[string]string) {
	t.Helper()
	for name, text := range texts {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
}

var errKilled = errors.New("killed")

// killed is a disk on which the process dies before a step: nothing happens
// from there on, and where it was about to write, half of it is there.
func killed(step int) files.Disk {
	n := 0
	return files.Disk{Fault: func(name, path string) error {
		if n++; n < step {
			return nil
		}
		if n == step && name == "write" {
			os.WriteFile(path, []byte("{ half of a file ["), 0o600)
		}
		return errKilled
	}}
}

// Whenever a run is killed, each file is the old one or the new one, the client
// can use what is there, and the same command again finishes the work.
func TestKilledAtEachStep(t *testing.T) {
	for client, before := range start {
		for _, fresh := range []bool{false, true} {
			if fresh {
				before = nil
			}
			c := clients[client]
			t.Run(fmt.Sprintf("%s, fresh %v", client, fresh), func(t *testing.T) {
				installed := outcome(t, client, before, func(t *task, d files.Disk) error { return t.in(d, c.install) })
				changed := outcome(t, client, installed, func(t *task, d files.Disk) error {
					t.settings, t.flags = map[string]string{"debug": "true"}, []string{"--debug"}
					return t.in(d, c.install)
				})
				t.Run("install", func(t *testing.T) {
					killEach(t, client, before, installed, func(t *task, d files.Disk) error { return t.in(d, c.install) })
				})
				t.Run("change", func(t *testing.T) {
					killEach(t, client, installed, changed, func(t *task, d files.Disk) error {
						t.settings, t.flags = map[string]string{"debug": "true"}, []string{"--debug"}
						return t.in(d, c.install)
					})
				})
				t.Run("uninstall", func(t *testing.T) {
					killEach(t, client, changed, before, func(t *task, d files.Disk) error { return t.in(d, c.uninstall) })
				})
			})
		}
	}
}

// outcome returns the files after a run that nothing disturbs.
func outcome(t *testing.T, client string, before map[string]string, run func(*task, files.Disk) error) map[string]string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "etc")
	os.Mkdir(dir, 0o755)
	plant(t, dir, relocate(before, dir))
	if err := run(call(t, client, dir, nil), files.Disk{}); err != nil {
		t.Fatal(err)
	}
	return relocated(tree(t, dir), dir)
}

// The files name each other, so their directory is DIR where they are compared.
func relocate(texts map[string]string, dir string) map[string]string {
	return replaceAll(texts, "/etc/containerd/DIR", dir)
}

func relocated(texts map[string]string, dir string) map[string]string {
	return replaceAll(texts, dir, "/etc/containerd/DIR")
}

func replaceAll(texts map[string]string, old, new string) map[string]string {
	all := map[string]string{}
	for name, text := range texts {
		text = strings.ReplaceAll(text, old, new)
		// The sums of blocks go with their text.
		if blocks, err := tomltext.Blocks([]byte(text)); err == nil && strings.HasSuffix(name, ".toml") {
			for i := range blocks {
				blocks, _ = tomltext.Blocks([]byte(text))
				text = string(tomltext.Replace([]byte(text), blocks[i], blocks[i].Body))
			}
		}
		all[name] = text
	}
	return all
}

func killEach(t *testing.T, client string, before, after map[string]string, run func(*task, files.Disk) error) {
	t.Helper()
	for step := 1; ; step++ {
		dir := filepath.Join(t.TempDir(), "etc")
		os.Mkdir(dir, 0o755)
		plant(t, dir, relocate(before, dir))
		err := run(call(t, client, dir, nil), killed(step))
		if err == nil {
			if step < 3 && !sameTree(before, after) {
				t.Fatalf("only %d steps", step)
			}
			return
		}
		if !errors.Is(err, errKilled) {
			t.Fatalf("step %d: %v", step, err)
		}
		got := relocated(tree(t, dir), dir)
		for name, text := range got {
			if strings.HasSuffix(name, ".tmp") || strings.HasSuffix(name, ".runsc-install") {
				continue
			}
			if text != before[name] && text != after[name] {
				t.Errorf("step %d: %s is neither old nor new:\n%s", step, name, text)
			}
		}
		usable(t, dir)
		// An uninstall that was killed last of all has nothing to do.
		if err := run(call(t, client, dir, nil), files.Disk{}); err != nil && !errors.Is(err, errNotInstalled) {
			t.Errorf("step %d, again: %v", step, err)
		}
		if got := relocated(tree(t, dir), dir); !sameTree(got, after) {
			t.Errorf("step %d, again: %v\nwant %v", step, got, after)
		}
	}
}

// usable fails where a client would not start with the files, or would not find
// one that another names.
func usable(t *testing.T, dir string) {
	t.Helper()
	for name, text := range tree(t, dir) {
		switch filepath.Ext(name) {
		case ".json":
			if err := jsontext.Check([]byte(text)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		case ".toml", ".conf":
			values, err := tomltext.Parse([]byte(text))
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			config, ok := tomltext.Get(values, "plugins", plugins[3], "containerd", "runtimes", "runsc", "options", "ConfigPath")
			if !ok {
				continue
			}
			shim, err := os.ReadFile(config.(string))
			if err != nil || !bytes.Contains(shim, []byte("binary_name")) {
				t.Errorf("%s names %v, which is %q (%v)", name, config, shim, err)
			}
		}
	}
}
