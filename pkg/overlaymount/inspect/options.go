package inspect

import (
	"path"
	"strings"

	"github.com/directfs/runsc/pkg/overlaymount"
	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// overlays are the mounted overlays that have an upper layer.
func (t *table) overlays() []overlaymount.Mounted {
	var all []overlaymount.Mounted
	for _, m := range t.mounts {
		if m.FSType != "overlay" {
			continue
		}
		o := overlaymount.Mounted{Mountpoint: m.Mountpoint}
		for key, value := range options(m.VFSOptions) {
			switch key {
			case "upperdir":
				o.Upper = resolve(value)
			case "workdir":
				o.Work = resolve(value)
			}
		}
		if o.Upper != (overlaymount.Identity{}) || o.Work != (overlaymount.Identity{}) {
			all = append(all, o)
		}
	}
	return all
}

// resolve identifies what a path of the mount table leads to. Whoever mounted
// wrote it, so it may have been relative to a directory of that process, be of
// another mount namespace, or lead to something else now. It has backslashes
// before commas and the like, or is plain where the kernel wrote it: layers can be
// handed over as open files.
func resolve(written string) overlaymount.Identity {
	for _, name := range []string{unescapeLayer(written), written} {
		if !resolvable(name) {
			continue
		}
		if at, _, err := lookAt(unix.AT_FDCWD, name, unix.AT_NO_AUTOMOUNT); err == nil {
			return at.Identity
		}
	}
	return overlaymount.Identity{}
}

// resolvable reports whether a path means the same for every process of the mount
// namespace: /proc/self/fd/3 does not.
func resolvable(name string) bool { return path.IsAbs(name) && !under(path.Clean(name), "/proc") }

// lowers are the lower layers' paths as the mounter wrote them, data-only ones
// included.
func lowers(m *mountinfo.Info) []string {
	var all []string
	for key, value := range options(m.VFSOptions) {
		switch key {
		case "lowerdir":
			for _, name := range splitLayers(value) {
				all = append(all, unescapeLayer(name))
			}
		case "lowerdir+", "datadir+": // without escapes (fs/overlayfs/params.c)
			all = append(all, value)
		}
	}
	return all
}

// options yields the options of a file system as the mount table has them.
func options(text string) func(yield func(key, value string) bool) {
	return func(yield func(key, value string) bool) {
		for o := range strings.SplitSeq(text, ",") {
			key, value, _ := strings.Cut(o, "=")
			if !yield(key, unescapeTable(value)) {
				return
			}
		}
	}
}

// unescapeTable takes back what the kernel does to commas, spaces, backslashes
// and the like in an option's value: \054 is a comma (seq_show_option).
func unescapeTable(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) && isOctal(s[i+1:i+4]) {
			b.WriteByte((s[i+1]-'0')<<6 | (s[i+2]-'0')<<3 | (s[i+3] - '0'))
			i += 3
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func isOctal(s string) bool {
	return strings.Trim(s, "01234567") == "" && s[0] <= '3'
}

// splitLayers splits at colons that no backslash escapes, and leaves out the
// empty names of "::", which is before a data-only layer.
func splitLayers(s string) []string {
	var all []string
	start := 0
	for i := 0; i <= len(s); i++ {
		if i < len(s) && s[i] == '\\' {
			i++
			continue
		}
		if i == len(s) || s[i] == ':' {
			if i > start {
				all = append(all, s[start:i])
			}
			start = i + 1
		}
	}
	if start < len(s) { // a backslash at the end
		all = append(all, s[start:])
	}
	return all
}

// unescapeLayer takes away the backslashes with which overlayfs lets a mounter
// write colons, commas and backslashes (fs/overlayfs/params.c, ovl_unescape).
func unescapeLayer(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
