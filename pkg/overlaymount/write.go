package overlaymount

import "strings"

// Strings writes the mount as options that [Parse] reads as the same mount, if it
// came from Parse and they are not longer than Parse allows.
func (m Mount) Strings() []string {
	var all []string
	switch {
	case len(m.Lower) > 0:
		var b strings.Builder
		for i, l := range m.Lower {
			if i > 0 {
				b.WriteString(":")
			}
			b.WriteString(escape(l, `\,:`))
		}
		for _, d := range m.Data {
			b.WriteString("::" + escape(d, `\,:`))
		}
		all = append(all, string(Lower)+"="+b.String())
	default:
		// In a list, something must be above the data-only layers.
		for _, d := range m.Data {
			all = append(all, addData+"="+d)
		}
	}
	for _, l := range []Layer{{Upper, m.Upper}, {Work, m.Work}} {
		if l.Path != "" {
			all = append(all, string(l.Role)+"="+escape(l.Path, `\,`))
		}
	}
	for _, o := range m.Options {
		all = append(all, o.String())
	}
	return openLast(all)
}

// escape writes a backslash before each of the characters.
func escape(path, characters string) string {
	var b strings.Builder
	for i := 0; i < len(path); i++ {
		if strings.IndexByte(characters, path[i]) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(path[i])
	}
	return b.String()
}

// openLast moves an option that ends in a backslash, which would escape the comma
// behind it, to the end. Parse makes no mount that has two.
func openLast(options []string) []string {
	for i, o := range options {
		if trimmed := strings.TrimRight(o, `\`); (len(o)-len(trimmed))%2 == 1 {
			rest := append(options[:i:i], options[i+1:]...)
			return append(rest, o)
		}
	}
	return options
}
