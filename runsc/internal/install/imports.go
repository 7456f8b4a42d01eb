package install

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/directfs/runsc/runsc/internal/install/files"
	"github.com/directfs/runsc/runsc/internal/install/tomltext"
)

// imported is a file that a configuration of containerd imports.
type imported struct {
	file   string
	values map[string]any
}

// imports returns all of them, as containerd finds them
// (cmd/containerd/server/config/config.go): relative to the file that imports,
// with patterns, and again in what is imported.
func imports(file string, values map[string]any) ([]imported, error) {
	var all []imported
	seen := []string{file}
	pending := []imported{{file, values}}
	for len(pending) > 0 {
		from := pending[0]
		pending = pending[1:]
		names, err := importNames(from)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if slices.Contains(seen, name) {
				continue
			}
			seen = append(seen, name)
			text, err := os.ReadFile(name)
			if errors.Is(err, fs.ErrNotExist) {
				return nil, fmt.Errorf("%s: it imports %s, which is not there; containerd does not start with that", from.file, name)
			} else if err != nil {
				return nil, files.Explain(name, err)
			}
			values, err := tomltext.Parse(text)
			if err != nil {
				return nil, fmt.Errorf("%s, which %s imports: %w; correct it first (containerd does not start with it either)", name, from.file, err)
			}
			all = append(all, imported{name, values})
			pending = append(pending, imported{name, values})
		}
	}
	return all, nil
}

func importNames(from imported) ([]string, error) {
	list, _ := from.values["imports"].([]any)
	var names []string
	for _, v := range list {
		name, ok := v.(string)
		if !ok {
			return nil, fmt.Errorf("%s: imports has %v, which is not the name of a file", from.file, v)
		}
		if name = filepath.Clean(name); !filepath.IsAbs(name) {
			name = filepath.Join(filepath.Dir(from.file), name)
		}
		if !strings.Contains(name, "*") {
			names = append(names, name)
			continue
		}
		found, err := filepath.Glob(name)
		if err != nil {
			return nil, fmt.Errorf("%s: imports has %q: %w", from.file, name, err)
		}
		names = append(names, found...)
	}
	return names, nil
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
