package overlaymount

import "slices"

// Mount is what the options of an overlay say. Paths are unescaped, and otherwise
// as the user wrote them.
type Mount struct {
	// Lower are the layers that are only read, from top to bottom.
	Lower []string

	// Data are layers below these that hold nothing but the data of files, for
	// lower layers with metacopy.
	Data []string

	// Upper takes what is written, and Work is where the kernel prepares it. Both
	// are empty in a read-only overlay.
	Upper, Work string

	// Options are the file system's other options, in their order.
	Options []Option
}

// Option is one option of the file system.
type Option struct {
	Key string

	// Value is what is behind the "=", if there is one.
	Value    string
	HasValue bool
}

// String returns the option as the kernel gets it.
func (o Option) String() string {
	if !o.HasValue {
		return o.Key
	}
	return o.Key + "=" + o.Value
}

// Last returns the option of that key that counts: of several, the kernel keeps
// the last.
func (m Mount) Last(key string) (o Option, ok bool) {
	for _, each := range m.Options {
		if each.Key == key {
			o, ok = each, true
		}
	}
	return o, ok
}

// UserXattr tells whether the overlay keeps its attributes as user.overlay.*, not
// as trusted.overlay.*.
func (m Mount) UserXattr() bool {
	_, ok := m.Last(userXattr)
	return ok
}

// WithUserXattr is the mount with the option userxattr, which whoever mounts in a
// user namespace needs: without it the kernel mounts, and directories can later
// be neither removed nor renamed (EIO, EXDEV).
func (m Mount) WithUserXattr() Mount {
	if !m.UserXattr() {
		m.Options = append(slices.Clip(m.Options), Option{Key: userXattr})
	}
	return m
}

// Role is what a directory is in an overlay.
type Role string

// The roles, by the options that name them.
const (
	Lower Role = "lowerdir"
	Data  Role = "datadir"
	Upper Role = "upperdir"
	Work  Role = "workdir"
)

// Layer is one directory of an overlay.
type Layer struct {
	Role Role
	Path string
}

// Layers are all directories: the lower ones from top to bottom, the data-only
// ones, upper, work.
func (m Mount) Layers() []Layer {
	var all []Layer
	add := func(r Role, paths ...string) {
		for _, p := range paths {
			if p != "" || r == Lower || r == Data {
				all = append(all, Layer{r, p})
			}
		}
	}
	add(Lower, m.Lower...)
	add(Data, m.Data...)
	add(Upper, m.Upper)
	add(Work, m.Work)
	return all
}
