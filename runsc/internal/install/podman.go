package install

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/directfs/runsc/runsc/internal/install/files"
	"github.com/directfs/runsc/runsc/internal/install/tomltext"
)

// podman reads /usr/share/containers/containers.conf, /etc/containers/containers.conf
// and then /etc/containers/containers.conf.d/*.conf in the order of their names;
// what is read later counts.
//
// The runtime gets a file of its own in that directory: most of the files before
// have a table [engine.runtimes] already, which TOML does not let another part of
// the same file add to, and a package that owns one of them would ask about our
// change at each update. Versions since 4.0 at least read the directory, with root
// and without.
type podman struct{}

func (podman) name() string       { return "podman" }
func (podman) reserved() []string { return nil }
func (podman) reload() string     { return "" }

func (podman) file(runtime string) string {
	return filepath.Join(podmanEtc, dropIns, runtime+".conf")
}

const (
	podmanEtc = "/etc/containers"
	dropIns   = "containers.conf.d"
)

func (podman) paths(t *task) ([]string, error) { return []string{t.file}, nil }

func (podman) verify(t *task) string {
	return fmt.Sprintf("podman --runtime %s info --format '{{.Host.OCIRuntime.Path}}'", t.runtime)
}

// check refuses flags: there is no place for them. Newer versions of podman have
// a table engine.runtimes_flags, which older ones ignore without a word, so that
// a flag such as one that turns directfs off would not count.
func (podman) check(t *task) error {
	if len(t.flags) > 0 {
		var all []string
		for _, f := range t.flags {
			all = append(all, "--runtime-flag="+strings.TrimLeft(f, "-"))
		}
		return usagef("%s: podman's containers.conf has no place for a runtime's flags that every version reads; install without them and call \"podman --runtime %s %s\"",
			strings.Join(t.flags, " "), t.runtime, strings.Join(all, " "))
	}
	if !strings.HasSuffix(t.file, ".conf") && filepath.Base(filepath.Dir(t.file)) == dropIns {
		return usagef("--config_file=%q: podman reads no file there whose name does not end in .conf", t.file)
	}
	if only := os.Getenv("CONTAINERS_CONF"); only != "" && only != t.file {
		t.warnf("CONTAINERS_CONF=%q is set, and podman reads no other file where it is; unset it, or name that file by --config_file", only)
	}
	return nil
}

func (podman) install(t *task, read []files.File) ([]files.Change, error) {
	path := []string{"engine", "runtimes", t.runtime}
	if err := t.podmanOthers(read[0], path); err != nil {
		return nil, err
	}
	body := fmt.Sprintf("[engine.runtimes]\n%s = [%s]\n", tomltext.Key(t.runtime), tomltext.Quote(t.program))
	c, err := t.put(read[0], block{body: body, path: path})
	return []files.Change{c}, err
}

// podmanOthers looks for the runtime in the files that podman reads besides.
func (t *task) podmanOthers(own files.File, path []string) error {
	dir := filepath.Dir(own.Path)
	if filepath.Base(dir) != dropIns {
		return nil
	}
	names, err := filepath.Glob(filepath.Join(dir, "*.conf"))
	if err != nil {
		return err
	}
	names = append(names, filepath.Join(filepath.Dir(dir), "containers.conf"))
	if filepath.Dir(dir) == podmanEtc {
		names = append(names, "/usr/share/containers/containers.conf")
	}
	for _, name := range names {
		if name == own.Path {
			continue
		}
		f, err := files.Read(name)
		if err != nil {
			return err
		}
		values, err := tomltext.Parse(f.Text)
		if err != nil {
			return fmt.Errorf("%s: %w; correct it first (podman does not start with it either)", name, err)
		}
		old, there := tomltext.Get(values, path...)
		switch {
		case !there:
		case filepath.Dir(name) == dir && name > own.Path:
			return fmt.Errorf("%s: it sets %s to %v, and podman reads it after %s; remove it there, or take another name by --runtime",
				name, tomltext.Key(path...), old, own.Path)
		case !t.clobber:
			return fmt.Errorf("%s: it sets %s to %v already; take another name by --runtime, or replace it by --clobber", name, tomltext.Key(path...), old)
		default:
			t.notef("%s sets %s to %v, which %s replaces", name, tomltext.Key(path...), old, own.Path)
		}
	}
	return nil
}

func (podman) uninstall(t *task, read []files.File) ([]files.Change, error) {
	c, ok, err := t.drop(read[0], "")
	if err == nil && !ok {
		err = fmt.Errorf("runtime %q: %w in %s", t.runtime, errNotInstalled, t.file)
	}
	if err != nil {
		return nil, err
	}
	values, err := tomltext.Parse(read[0].Text)
	if err != nil {
		return nil, err
	}
	if name, ok := tomltext.Get(values, "engine", "runtime"); ok && name == t.runtime {
		return nil, fmt.Errorf("%s: engine.runtime is %q, and podman would not find that runtime; change engine.runtime first", t.file, t.runtime)
	}
	return []files.Change{c}, nil
}
