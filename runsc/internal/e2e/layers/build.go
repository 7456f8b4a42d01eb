package layers

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// Build makes the layers of an overlay below a directory: in each of them a
// directory for every scene, and in that what [table] lists for the layer. So
// every scene sees the same union, and changes of one are not seen by others.
func Build(dir string, scenes []string, dialect Dialect) (Overlay, error) {
	o := Overlay{Upper: filepath.Join(dir, "upper"), Work: filepath.Join(dir, "work"), Dialect: dialect}
	if err := os.Mkdir(o.Work, 0o755); err != nil {
		return o, err
	}
	roots := map[layer]string{bottom: filepath.Join(dir, "bottom"), middle: filepath.Join(dir, "middle"), top: filepath.Join(dir, "top"), upper: o.Upper}
	o.Lowers = []string{roots[top], roots[middle], roots[bottom]}
	for _, l := range []layer{bottom, middle, top, upper} {
		for _, scene := range scenes {
			if err := os.MkdirAll(filepath.Join(roots[l], scene), 0o755); err != nil {
				return o, err
			}
			for _, e := range table[l] {
				if err := e.make(filepath.Join(roots[l], scene), dialect); err != nil {
					return o, fmt.Errorf("layer %s: %w", l, err)
				}
			}
		}
	}
	return o, nil
}

// Deep makes a read-only overlay of many layers below a directory. Each has a
// file of its own, own-N, and the files "all", in which it says which it is;
// N is 0 for the layer at the bottom.
func Deep(dir string, count int, dialect Dialect) (Overlay, error) {
	o := Overlay{Dialect: dialect}
	for n := count - 1; n >= 0; n-- {
		lower := filepath.Join(dir, strconv.Itoa(n))
		o.Lowers = append(o.Lowers, lower)
		if err := os.MkdirAll(filepath.Join(lower, "d"), 0o755); err != nil {
			return o, err
		}
		for _, name := range []string{"all", "d/own-" + strconv.Itoa(n)} {
			if err := os.WriteFile(filepath.Join(lower, name), fmt.Appendf(nil, "layer %d\n", n), 0o644); err != nil {
				return o, err
			}
		}
	}
	return o, nil
}

// make makes one entry.
func (e entry) make(dir string, dialect Dialect) error {
	path := filepath.Join(dir, e.name)
	if err := e.node(dir, path, dialect); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if e.uid != 0 || e.gid != 0 {
		if err := os.Lchown(path, e.uid, e.gid); err != nil {
			return err
		}
	}
	if e.mode != 0 {
		if err := unix.Chmod(path, e.mode); err != nil {
			return err
		}
	}
	for name, value := range e.xattrs {
		if err := unix.Setxattr(path, name, []byte(value), 0); err != nil {
			return fmt.Errorf("%s: %s: %w", path, name, err)
		}
	}
	return nil
}

func (e entry) node(dir, path string, dialect Dialect) error {
	switch e.kind {
	case file:
		return os.WriteFile(path, []byte(e.text), 0o644)
	case directory:
		return os.Mkdir(path, 0o755)
	case opaque:
		if err := os.Mkdir(path, 0o755); err != nil {
			return err
		}
		return unix.Setxattr(path, dialect.Mark("opaque"), []byte("y"), 0)
	case whiteout:
		return unix.Mknod(path, unix.S_IFCHR, 0)
	case symlink:
		return os.Symlink(e.text, path)
	case hardlink:
		return os.Link(filepath.Join(dir, e.text), path)
	default:
		return unix.Mkfifo(path, 0o644)
	}
}
