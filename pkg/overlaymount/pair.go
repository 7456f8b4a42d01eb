package overlaymount

import "slices"

// ancestors are the directories above, as far as they are of the same file system:
// an overlay shows none of the mounts in a layer, so what is on another file
// system is not in the layer.
func (s seen) ancestors() []Identity {
	end := slices.IndexFunc(s.Above, func(id Identity) bool { return id.Device != s.Identity.Device })
	if end < 0 {
		end = len(s.Above)
	}
	return s.Above[:end]
}

func (s seen) inside(other seen) bool { return slices.Contains(s.ancestors(), other.Identity) }

// pair is that two layers are neither the same nor inside each other, and that
// upper layer and work directory are on one mount.
func (c *checker) pair(one, other seen) {
	if one.Identity == (Identity{}) || other.Identity == (Identity{}) {
		return
	}
	f := Finding{Option: string(other.Role), Path: other.Path, Fix: "use directories that are apart"}
	switch {
	case c.ignored(one) || c.ignored(other):
		return
	case one.Layer == other.Layer:
		f.Code, f.Problem, f.Fix = CodeSame, "is named twice", "name it once"
	case one.Identity == other.Identity:
		f.Code, f.Problem, f.Fix = CodeSame, "is the same directory as "+describe(one), "name each directory once"
	case other.inside(one):
		f.Code, f.Problem = CodeNested, "is inside "+describe(one)
	case one.inside(other):
		f.Code, f.Option, f.Path, f.Problem = CodeNested, string(one.Role), one.Path, "is inside "+describe(other)
	case c.driver == Host && one.Role == Upper && other.Role == Work && one.MountID != other.MountID:
		f.Code, f.Problem = CodeMounts, "is on another mount than "+describe(one)
		f.Fix = "use a directory beside the upperdir"
	default:
		return
	}
	c.add(f)
}

// ignored is a work directory that the overlay does not use.
func (c *checker) ignored(s seen) bool { return s.Role == Work && c.m.Upper == "" }

func describe(s seen) string { return string(s.Role) + " " + quote(s.Path) }
