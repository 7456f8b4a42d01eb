package inspect

import (
	"path"
	"strings"

	"github.com/directfs/runsc/pkg/overlaymount"
	"golang.org/x/sys/unix"
)

// overlays are the mounted overlays that have an upper layer.
func (t *table) overlays() []overlaymount.Mounted {
	var all []overlaymount.Mounted
	for _, m := range t.mounts {
		if m.FSType != overlayType {
			continue
		}
		shown := Shown(m.VFSOptions)
		o := overlaymount.Mounted{Mountpoint: m.Mountpoint, Upper: resolve(shown.Upper), Work: resolve(shown.Work)}
		if o.Upper != (overlaymount.Identity{}) || o.Work != (overlaymount.Identity{}) {
			all = append(all, o)
		}
	}
	return all
}

// overlayType is what the kernel calls the file system.
const overlayType = "overlay"

// Shown reads the options of a mounted overlay as the mount table has them
// (proc_pid_mountinfo(5), the last field). The paths are as the mounter wrote them,
// which can be names that mean nothing to others: see [Named]. Where it handed over
// open directories, they are those that the directories had then. Upper and Work
// have the backslashes with which a mounter escapes, or, of an open directory, those
// of its name: the kernel does not tell.
func Shown(text string) (m overlaymount.Mount) {
	for key, value := range options(text) {
		switch key {
		case "lowerdir":
			listed := splitLayers(value)
			m.Lower, m.Data = append(m.Lower, listed.lower...), append(m.Data, listed.data...)
		case "lowerdir+": // without escapes (fs/overlayfs/params.c)
			m.Lower = append(m.Lower, value)
		case "datadir+":
			m.Data = append(m.Data, value)
		case "upperdir":
			m.Upper = value
		case "workdir":
			m.Work = value
		default:
			m.Options = append(m.Options, overlaymount.Option{Key: key, Value: value, HasValue: value != ""})
		}
	}
	return m
}

// resolve identifies what a path of the mount table leads to. Whoever mounted
// wrote it, so it may have been relative to a directory of that process, be of
// another mount namespace, or lead to something else now. It has backslashes
// before commas and the like, or is plain where the kernel wrote it: layers can be
// handed over as open files.
func resolve(written string) overlaymount.Identity {
	for _, name := range []string{unescapeLayer(written), written} {
		if !Named(name) {
			continue
		}
		if at, _, err := lookAt(unix.AT_FDCWD, name, unix.AT_NO_AUTOMOUNT); err == nil {
			return at.Identity
		}
	}
	return overlaymount.Identity{}
}

// Named reports whether a path of the mount table means the same for every process
// of its mount namespace: /proc/self/fd/3 does not.
func Named(name string) bool { return path.IsAbs(name) && !under(path.Clean(name), "/proc") }

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

// layers are the names in a lowerdir.
type layers struct{ lower, data []string }

// splitLayers splits a lowerdir at colons that no backslash escapes. What is behind
// a "::" are data-only layers.
func splitLayers(s string) (l layers) {
	start, data := 0, false
	add := func(end int) {
		name := unescapeLayer(s[start:end])
		switch {
		case name == "":
			data = end > 0
		case data:
			l.data = append(l.data, name)
		default:
			l.lower = append(l.lower, name)
		}
	}
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case ':':
			add(i)
			start = i + 1
		}
	}
	if start < len(s) {
		add(len(s))
	}
	return l
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
