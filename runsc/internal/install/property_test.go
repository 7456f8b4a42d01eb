package install

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/internal/install/files"
	"github.com/directfs/runsc/runsc/internal/install/tomltext"
	"pgregory.net/rapid"
)

// machine is the files of a client, in memory.
type machine map[string]string

// do makes the changes that a plan asks for.
func (m machine) do(t *task, plan func(*task, []files.File) ([]files.Change, error)) error {
	paths, err := t.client.paths(t)
	if err != nil {
		return err
	}
	var read []files.File
	for _, p := range paths {
		text, ok := m[p]
		read = append(read, files.File{Path: p, Target: p, Text: []byte(text), Exists: ok})
	}
	changes, err := plan(t, read)
	if err != nil {
		return err
	}
	for _, c := range changes {
		if c.Remove {
			delete(m, c.Path)
		} else {
			m[c.Path] = string(c.New)
		}
	}
	return nil
}

func (m machine) clone() machine {
	return maps.Clone(m)
}

// drawSettings draws flags for the runtime.
func drawSettings(t *rapid.T) map[string]string {
	return rapid.MapOfN(rapid.SampledFrom([]string{"debug", "platform", "debug-log", "directfs-hints"}),
		rapid.StringMatching(`[a-z/"\\ %é]{0,6}`), 0, 3).Draw(t, "flags")
}

// whatever text a file has, install and uninstall refuse it, or leave it as it
// was.
func checkAnyText(t *rapid.T) {
	client := rapid.SampledFrom(clientNames()).Draw(t, "client")
	c := call(noTB{}, client, "/etc/client", drawSettings(t))
	c.clobber = rapid.Bool().Draw(t, "clobber")
	m := machine{}
	if rapid.Bool().Draw(t, "a file") {
		m[c.file] = string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))
	} else if rapid.Bool().Draw(t, "nearly valid") {
		m[c.file] = nearly(t, client)
	}
	before := m.clone()
	if err := m.do(c, c.client.install); err != nil {
		if !reflect.DeepEqual(m, before) {
			t.Fatalf("refused (%v), and changed: %q", err, m)
		}
		return
	}
	installed := m.clone()
	if err := m.do(c, c.client.install); err != nil || !reflect.DeepEqual(m, installed) {
		t.Fatalf("a second time: %v\n%s\nwant\n%s", err, m, installed)
	}
	if m[c.file] == before[c.file] && len(m) == len(before) {
		return // a runtime of the same name stayed
	}
	other := call(noTB{}, client, "/etc/client", drawSettings(t))
	if err := m.do(other, c.client.install); err != nil {
		t.Fatalf("with other flags: %v", err)
	}
	if err := m.do(c, c.client.uninstall); err != nil {
		if strings.Contains(err.Error(), "first") {
			return // it is the default runtime
		}
		t.Fatalf("uninstall: %v", err)
	}
	if !reflect.DeepEqual(m, before) {
		t.Fatalf("back: %q\nwant  %q\nafter %q", m, before, installed)
	}
}

// nearly draws a text that a client might have.
func nearly(t *rapid.T, client string) string {
	parts := []string{"", "{}", "{\n}", `{"runtimes": {}}`, "{\n  \"runtimes\": {\"runsc\": {\"path\": \"/x\"}}, \"a\": [1]\n}", `{"runtimes": {"runsc": {"path": "/usr/local/bin/runsc"}}}`,
		`{"runtimes": null}`, `{"default-runtime": "runsc"}`}
	if client != "docker" {
		parts = []string{"", "version = 2\n", "version = 3\r\n", "# only this", "[engine.runtimes]\nrunsc = ['/x']\n", "[engine]\nruntime = 'runsc'\n",
			"version = 3\n[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runsc]\na = '''\n[x]\n'''", "version = 3\nplugins = {}\n",
			"version = 3\n[plugins.'io.containerd.cri.v1.runtime'.containerd]\ndefault_runtime_name = 'runsc'\n"}
	}
	return rapid.SampledFrom(parts).Draw(t, "text") + rapid.SampledFrom([]string{"", "\n", "\n\n", " "}).Draw(t, "end")
}

// noTB is for helpers that fail only where they make files.
type noTB struct{ testing.TB }

func (noTB) Helper() {}

func TestAnyText(t *testing.T) { rapid.Check(t, checkAnyText) }

func FuzzAnyText(f *testing.F) { f.Fuzz(rapid.MakeFuzz(checkAnyText)) }

// Two runtimes come and go in any order, with flags that change meanwhile.
func checkTwoRuntimes(t *rapid.T) {
	client := rapid.SampledFrom([]string{"docker", "containerd"}).Draw(t, "client")
	file := map[string]string{"docker": "{\n\t\"a\": {\"b\":[ ]},\n\t\"exec-opts\": []\n}", "containerd": "version = 2 # two\n[plugins] # all\n"}[client]
	m := machine{"/etc/client/daemon.json": file}
	if client == "containerd" {
		m = machine{"/etc/client/config.toml": file}
	}
	before := m.clone()
	in := map[string]bool{}
	step := func(name string, uninstall bool) {
		c := call(noTB{}, client, "/etc/client", drawSettings(t))
		c.runtime = name
		plan := c.client.install
		if uninstall {
			plan = c.client.uninstall
		}
		c.experimental = client == "docker" && rapid.Bool().Draw(t, "experimental")
		if err := m.do(c, plan); err != nil {
			t.Fatal(err)
		}
		in[name] = !uninstall
	}
	for range rapid.IntRange(1, 8).Draw(t, "steps") {
		name := rapid.SampledFrom([]string{"runsc", "runsc-debug"}).Draw(t, "name")
		step(name, in[name] && rapid.Bool().Draw(t, "uninstall"))
	}
	for _, name := range []string{"runsc-debug", "runsc"} {
		if in[name] {
			step(name, true)
		}
	}
	if !reflect.DeepEqual(m, before) {
		t.Fatalf("back: %q\nwant %q", m, before)
	}
}

func TestTwoRuntimes(t *testing.T) { rapid.Check(t, checkTwoRuntimes) }

// What each client reads is what was asked for.
func TestWhatIsRead(t *testing.T) {
	flags := map[string]string{"debug": "true", "debug-log": `/var/log/"a" \b/é`}
	m := machine{}
	c := call(t, "containerd", "/etc/client", flags)
	if err := m.do(c, c.client.install); err != nil {
		t.Fatal(err)
	}
	shim, err := tomltext.Parse([]byte(m["/etc/client/runsc.toml"]))
	if want := map[string]any{"binary_name": "/usr/local/bin/runsc", "runsc_config": map[string]any{
		"debug": "true", "debug-log": `/var/log/"a" \b/é`, "directfs-hints": "narrow"}}; err != nil || !reflect.DeepEqual(shim, want) {
		t.Errorf("the shim reads %v, %v; want %v", shim, err, want)
	}
	d := call(t, "docker", "/etc/client", map[string]string{"debug-log": `/var/log/"a" \b/é<`})
	if err := m.do(d, d.client.install); err != nil {
		t.Fatal(err)
	}
	var daemon map[string]map[string]entry
	if err := json.Unmarshal([]byte(m["/etc/client/daemon.json"]), &daemon); err != nil {
		t.Fatal(err)
	}
	if want := (entry{"/usr/local/bin/runsc", []string{`--debug-log=/var/log/"a" \b/é<`}}); fmt.Sprint(daemon["runtimes"]["runsc"]) != fmt.Sprint(want) {
		t.Errorf("docker reads %v", daemon)
	}
}
