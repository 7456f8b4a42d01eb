package overlaymount

import (
	"errors"
	"io/fs"
)

// seen is a layer that was looked at and is a directory.
type seen struct {
	Layer
	Directory
}

// writes tells whether the overlay writes in the layer.
func (s seen) writes() bool { return s.Role == Upper || s.Role == Work }

// host is what the host says of the layers.
func (c *checker) host() {
	if c.f.NoOverlay != "" && c.driver == Host {
		c.add(Finding{Code: CodeNoOverlay, Problem: c.f.NoOverlay, Fix: "load the kernel's module overlay, " + anotherDriver})
	}
	all := c.directories()
	for _, s := range all {
		c.filesystem(s)
		c.writable(s)
		c.inUse(s)
		c.dialect(s)
		c.submounts(s)
		if s.Volatile != "" {
			c.add(Finding{
				Code: CodeVolatile, Option: string(s.Role), Path: s.Volatile,
				Problem: "is what an overlay with the option volatile left behind: its upper layer may have lost files",
				Fix:     "delete this directory if the upper layer is good, or begin with empty ones",
			})
		}
	}
	for i, one := range all {
		for _, other := range all[i+1:] {
			c.pair(one, other)
		}
	}
}

// directories are the layers that can be one. It finds what is wrong with the
// others.
func (c *checker) directories() (all []seen) {
	for _, l := range c.m.Layers() {
		d, ok := c.f.Layers[l.Path]
		switch {
		case !ok, d.Volume != "": // the last is said by volumes
		case d.Err != nil:
			c.missing(l, d.Err)
		case !d.IsDirectory:
			c.add(Finding{Code: CodeNotDirectory, Option: string(l.Role), Path: l.Path, Problem: "is not a directory", Fix: "name a directory"})
		default:
			all = append(all, seen{l, d})
		}
	}
	return all
}

// volumes are no directories that the kernel could have.
func (c *checker) volumes() {
	for _, l := range c.m.Layers() {
		if d := c.f.Layers[l.Path]; d.Volume != "" && (c.driver == Host || l.Role != Lower) {
			c.add(Finding{
				Code: CodeVolume, Option: string(l.Role), Path: l.Path, Problem: "is served by volume " + d.Volume + ", and is no directory",
				Fix: "let it be a lower layer of the sentry driver (gvisor.overlay=sentry), or remove the hint that names the volume",
			})
		}
	}
}

func (c *checker) missing(l Layer, err error) {
	fix := "name a directory that whoever mounts can reach"
	if errors.Is(err, fs.ErrNotExist) {
		fix = "create it, or look where its symbolic links lead"
	}
	c.add(Finding{Code: CodeLayer, Option: string(l.Role), Path: l.Path, Problem: "cannot be used: " + err.Error(), Fix: fix})
}
