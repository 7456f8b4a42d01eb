package install

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/directfs/runsc/runsc/internal/engine"
	"github.com/directfs/runsc/runsc/internal/install/files"
	"github.com/directfs/runsc/runsc/internal/install/tomltext"
)

// containerd has a runtime of its CRI plugin in config.toml, which names a file
// for our shim, NAME.toml beside it, with this program and its flags.
//
// install writes that file first and config.toml then, and uninstall goes the
// other way: a file that config.toml does not name is read by nobody, but a
// runtime whose file is missing starts no pod.
type containerd struct{}

func (containerd) name() string       { return "containerd" }
func (containerd) reserved() []string { return []string{"config"} } // config.toml is taken
func (containerd) file(string) string { return "/etc/containerd/config.toml" }
func (containerd) reload() string     { return "systemctl restart containerd" }

func (containerd) verify(t *task) string {
	return fmt.Sprintf("containerd --config %s config dump | grep -A 12 'runtimes.%s'", t.file, t.runtime)
}

// shimFile is what the shim reads.
func (t *task) shimFile() string { return filepath.Join(filepath.Dir(t.file), t.runtime+".toml") }

func (containerd) paths(t *task) ([]string, error) { return []string{t.shimFile(), t.file}, nil }

func (containerd) check(t *task) error {
	if t.shimFile() == t.file {
		return usagef("--config_file=%q: the shim's file for the runtime %q would have the same name; take another --runtime", t.file, t.runtime)
	}
	if err := t.checkContainerd(); err != nil {
		return err
	}
	var err error
	if t.shim, err = t.findShim(); err == nil {
		t.warnWritable(t.shim)
	}
	return err
}

// plugins are containerd's names for its CRI plugin, by version of the
// configuration. Every containerd 2 reads 2 and 3; 4, of 2.3, moved none of
// what is written here.
var plugins = map[int64]string{
	2: "io.containerd.grpc.v1.cri",
	3: "io.containerd.cri.v1.runtime",
	4: "io.containerd.cri.v1.runtime",
}

// newVersion is that of a file that install makes.
const newVersion = 3

var configHeader = fmt.Sprintf("version = %d\n", newVersion)

// configVersion returns the version of a configuration without our block. own
// reports whether the block has to state it, because nothing else is there.
func (t *task) configVersion(values map[string]any) (version int64, own bool, err error) {
	if len(values) == 0 {
		return newVersion, true, nil
	}
	v, ok := values["version"]
	version, _ = v.(int64)
	switch {
	case !ok || version == 1:
		return 0, false, fmt.Errorf("%s: a configuration of version 1 (no other version is stated); allowed: 2, 3, 4; "+
			"write what \"containerd --config %s config migrate\" prints in its place, and run the command again", t.file, t.file)
	case plugins[version] == "":
		return 0, false, fmt.Errorf("%s: version = %v: this runsc does not know such a configuration; allowed: 2, 3, 4", t.file, v)
	}
	return version, false, nil
}

func (containerd) install(t *task, read []files.File) ([]files.Change, error) {
	shim, conf := read[0], read[1]
	text, _, err := t.base(conf, configHeader)
	if err != nil {
		return nil, err
	}
	values, err := tomltext.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", conf.Path, err)
	}
	version, own, err := t.configVersion(values)
	if err != nil {
		return nil, err
	}
	path := []string{"plugins", plugins[version], "containerd", "runtimes", t.runtime}
	if err := t.containerdOthers(values, path); err != nil {
		return nil, err
	}
	b := block{header: configHeader, body: t.runtimeTable(path), path: path}
	if own {
		b.body = configHeader + b.body
	}
	first, err := t.put(shim, block{body: t.shimTable()})
	if err != nil {
		return nil, err
	}
	second, err := t.put(conf, b)
	return []files.Change{first, second}, err
}

// runtimeTable is what config.toml gets. The shim is named by its path, so that
// containerd, whose PATH may be another, does not find one of somebody else.
func (t *task) runtimeTable(path []string) string {
	key := tomltext.Key(path...)
	return fmt.Sprintf(`[%s]
runtime_type = "io.containerd.runsc.v1"
runtime_path = %s
pod_annotations = [%s]

[%s.options]
TypeUrl = "io.containerd.runsc.v1.options"
ConfigPath = %s
`, key, tomltext.Quote(t.shim), tomltext.Quote(engine.PodAnnotations), key, tomltext.Quote(t.shimFile()))
}

// shimTable is what the shim's file gets. Whoever writes a pod writes hints, so
// they can turn directfs off but not on, unless the flags say otherwise.
func (t *task) shimTable() string {
	flags := map[string]string{"directfs-hints": "narrow"}
	for name, value := range t.settings {
		flags[name] = value
	}
	var b strings.Builder
	fmt.Fprintf(&b, "binary_name = %s\n\n[runsc_config]\n", tomltext.Quote(t.program))
	for _, name := range sortedKeys(flags) {
		fmt.Fprintf(&b, "%s = %s\n", tomltext.Key(name), tomltext.Quote(flags[name]))
	}
	return b.String()
}

// containerdOthers looks for the runtime in files that config.toml imports, and
// for what would make it useless.
func (t *task) containerdOthers(values map[string]any, path []string) error {
	if disabled, ok := values["disabled_plugins"].([]any); ok {
		for _, name := range []string{"cri", plugins[2], plugins[3]} {
			if slices.Contains(disabled, any(name)) {
				t.warnf("%s: disabled_plugins has %q, so no kubelet can use the runtime; ctr does not need it", t.file, name)
			}
		}
	}
	others, err := imports(t.file, values)
	if err != nil {
		return err
	}
	for _, other := range others {
		for _, plugin := range []string{plugins[2], plugins[3]} {
			p := slices.Clone(path)
			p[1] = plugin
			if _, ok := tomltext.Get(other.values, p...); ok {
				return fmt.Errorf("%s, which %s imports: it has %s, and containerd takes what it says over what would be in %s; remove it there, or take another name by --runtime",
					other.file, t.file, tomltext.Key(p...), t.file)
			}
		}
	}
	return nil
}

func (containerd) uninstall(t *task, read []files.File) ([]files.Change, error) {
	shim, conf := read[0], read[1]
	first, inConf, err := t.drop(conf, configHeader)
	if err != nil {
		return nil, err
	}
	// An uninstall that was killed leaves this one.
	second, inShim, err := t.drop(shim, "")
	if err != nil {
		return nil, err
	}
	if !inConf && !inShim {
		return nil, fmt.Errorf("runtime %q: %w in %s", t.runtime, errNotInstalled, t.file)
	}
	if err := t.checkRest(first); err != nil {
		return nil, err
	}
	return []files.Change{first, second}, nil
}

// checkRest refuses to leave a configuration that containerd would not start
// with.
func (t *task) checkRest(c files.Change) error {
	values, err := tomltext.Parse(c.New)
	if err != nil {
		return fmt.Errorf("%s: %w", t.file, err)
	}
	for _, plugin := range []string{plugins[2], plugins[3]} {
		if name, ok := tomltext.Get(values, "plugins", plugin, "containerd", "default_runtime_name"); ok && name == t.runtime {
			return fmt.Errorf("%s: default_runtime_name is %q, and containerd would not start without that runtime; change default_runtime_name first", t.file, t.runtime)
		}
	}
	if _, ok := values["version"]; !ok && len(values) > 0 && tomltext.States(string(c.Text), t.runtime, "version") {
		return fmt.Errorf("%s: the version of the configuration is in the block of the runtime %q, and the rest needs it; write \"version = %d\" in the first line and run the command again",
			t.file, t.runtime, newVersion)
	}
	return nil
}
