package overlayfs

import (
	"errors"
	"fmt"
	"strings"

	"github.com/directfs/runsc/pkg/overlaymount"
	"golang.org/x/sys/unix"
)

// maxString is the length of an option's value from which fsconfig(2) refuses it
// (fs/fsopen.c).
const maxString = 256

// way is how each layer is handed to the kernel by itself. Older kernels take all
// lower layers in one option; see setJoined.
type way int

const (
	// byFD hands over the file (Linux 6.15). The mount table then shows its path.
	byFD way = iota
	// byName hands over each layer's name in /proc/self/fd, and the mount table
	// shows that. Lower layers take lowerdir+ (Linux 6.7).
	byName
)

// appended are the options that add one layer.
var appended = map[overlaymount.Role]string{
	overlaymount.Lower: "lowerdir+", overlaymount.Data: "datadir+",
	overlaymount.Upper: "upperdir", overlaymount.Work: "workdir",
}

// setLayers hands the layers over in the first way that the kernel knows. Whether
// it does shows at the first layer.
func (c *context) setLayers(layers []Layer) error {
	for _, w := range []way{byFD, byName} {
		known, err := c.setEach(layers, w)
		if known {
			return err
		}
	}
	return c.setJoined(layers)
}

// setEach hands over one layer after the other. It reports false, and has done
// nothing, if the kernel does not know this way.
func (c *context) setEach(layers []Layer, w way) (known bool, err error) {
	for i, l := range layers {
		key := appended[l.Role]
		step := fmt.Sprintf("layer %d, %s", i+1, key)
		if w == byFD {
			err = unix.FsconfigSetFd(c.fd, key, l.FD)
		} else {
			err = unix.FsconfigSetString(c.fd, key, name(l.FD))
		}
		if err == nil {
			continue
		}
		e := c.error(step, err)
		if i == 0 && isUnknown(e, w) {
			return false, nil
		}
		return true, e
	}
	return true, nil
}

// isUnknown tells what the kernel says of a way that it does not know from what
// it says of a layer: of a bad layer it says something about the layer, or
// nothing that can be read here.
func isUnknown(err error, w way) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	log := strings.Join(e.Log, "\n")
	switch w {
	case byFD:
		// EBADF: fsconfig(2) takes no file that was opened with O_PATH.
		return e.Err == unix.EBADF || e.Err == unix.EINVAL && (log == "" || strings.Contains(log, "Unknown parameter") || strings.Contains(log, "Bad value"))
	default:
		return e.Err == unix.EINVAL && strings.Contains(log, "Unknown parameter")
	}
}

// setJoined writes the lower layers in one option, with "::" before a data-only
// one, as all kernels read it.
func (c *context) setJoined(layers []Layer) error {
	var lower strings.Builder
	for _, l := range layers {
		switch l.Role {
		case overlaymount.Lower, overlaymount.Data:
			if lower.Len() > 0 {
				lower.WriteString(":")
			}
			if l.Role == overlaymount.Data {
				lower.WriteString(":")
			}
			lower.WriteString(name(l.FD))
		default:
			if err := c.set(appended[l.Role], name(l.FD)); err != nil {
				return err
			}
		}
	}
	if lower.Len() >= maxString {
		return &Error{Step: "lowerdir", Err: unix.E2BIG, Log: []string{fmt.Sprintf(
			"%d layers: a kernel without lowerdir+ (before 6.7) takes %d bytes for all lower layers together", len(layers), maxString-1)}}
	}
	return c.set("lowerdir", lower.String())
}

func name(fd int) string { return fmt.Sprintf("/proc/self/fd/%d", fd) }
