package overlaymount

import (
	"errors"
	"fmt"
	"strings"
)

const (
	// MaxLower is the most lower and data-only layers that the kernel takes
	// (OVL_MAX_STACK, fs/overlayfs/params.h).
	MaxLower = 500

	// maxOptions is how many bytes all options of an overlay may have. It has room
	// for MaxLower layers; mount(2) would cut at a page and say nothing.
	maxOptions = 64<<10 - 1

	// maxPath is the longest path that the kernel looks up (PATH_MAX, less NUL).
	maxPath = 4095
)

// Parse reads the options of an OCI mount of type overlay. What the kernel reads
// as flags of a mount, not as options of the file system, goes to attributes,
// unchanged and in its order. Hints among the options must have been removed.
//
// As runc does, Parse joins the options with commas and reads the result as the
// kernel does (fs/overlayfs/params.c), so an element may hold several options,
// and an element that ends in a backslash escapes the comma behind it. A later
// upperdir or workdir replaces an earlier one, and a lowerdir replaces all layers
// before it, those of lowerdir+ and datadir+ too. Backslashes are taken out of
// lowerdir, upperdir and workdir; every other value is as it was written. Options
// that are not known are in the Mount too. A quoted comma in an SELinux context
// is not known here: it ends the option.
//
// Every layer must have an absolute path. runc accepts a relative one and looks
// it up from wherever its process happens to be.
//
// With an error, which joins a *Finding for each thing that is wrong, the other
// results are zero.
func Parse(options []string) (m Mount, attributes []string, err error) {
	var p parser
	var data []string
	for _, o := range options {
		switch {
		case attributeWords[o]:
			p.attributes = append(p.attributes, o)
		case bindWords[o]:
			p.refuse(CodeAttribute, o, "", "makes a bind mount of any mount", "remove it, or write type bind")
		default:
			data = append(data, o)
		}
	}
	if p.readable(data) {
		for _, part := range splitOptions(strings.Join(data, ",")) {
			p.option(part)
		}
	}
	if len(p.findings) > 0 {
		return Mount{}, nil, errors.Join(p.findings...)
	}
	return p.m, p.attributes, nil
}

type parser struct {
	m          Mount
	attributes []string
	findings   []error

	// listed is set after a lowerdir that named layers: lowerdir+ and datadir+
	// cannot follow it.
	listed bool
}

func (p *parser) refuse(code Code, option, path, problem, fix string) {
	p.findings = append(p.findings, &Finding{Code: code, Option: option, Path: path, Problem: problem, Fix: fix})
}

// readable tells whether the kernel would get all of the options.
func (p *parser) readable(data []string) bool {
	length, ok := 0, true
	for _, o := range data {
		length += len(o) + len(",")
		if !strings.Contains(o, "\x00") {
			continue
		}
		key, value, _ := strings.Cut(o, "=")
		p.refuse(CodeNUL, shorten(key), shorten(value), "has a NUL byte, where the kernel stops reading", "remove it")
		ok = false
	}
	if length > maxOptions+len(",") {
		p.refuse(CodeTooLong, "", "", fmt.Sprintf("the options have %d bytes, more than %d", length-len(","), maxOptions),
			"use fewer layers or shorter paths")
		ok = false
	}
	return ok
}

// shorten keeps a message readable.
func shorten(s string) string {
	const most = 100
	if len(s) <= most {
		return s
	}
	return s[:most] + "..."
}

// splitOptions ends an option at each comma that no backslash escapes, as
// ovl_next_opt does. The backslashes stay.
func splitOptions(s string) (parts []string) {
	start := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case ',':
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	return append(parts, s[start:])
}

// option reads one option. The kernel skips an empty one, and one without a name.
func (p *parser) option(part string) {
	key, value, hasValue := strings.Cut(part, "=")
	switch {
	case key == "":
	case superblockWords[key]:
		p.attributes = append(p.attributes, key)
	case attributeWords[part], bindWords[part]:
		p.refuse(CodeAttribute, part, "", "reaches the file system, which does not know it, because a comma joins it to another option",
			"write it as an element of its own")
	case !isLayer(key):
		p.m.Options = append(p.m.Options, Option{key, value, hasValue})
	case value == "" && (!hasValue || key != string(Lower)):
		p.refuse(CodeEmptyLayer, key, "", "names no directory", "write "+key+"= and an absolute path")
	default:
		p.layer(key, value)
	}
}

func isLayer(key string) bool {
	switch key {
	case string(Lower), addLower, addData, string(Upper), string(Work):
		return true
	}
	return false
}

// The options that add one layer (since Linux 6.8). Their value is a path, in
// which neither a colon nor a backslash means anything.
const (
	addLower = "lowerdir+"
	addData  = "datadir+"
)

func (p *parser) layer(key, value string) {
	switch key {
	case string(Lower):
		p.lowerList(value)
	case addLower:
		p.appendLower(key, value)
		p.addLayer(key, Lower, value)
	case addData:
		p.appendLower(key, value)
		p.addLayer(key, Data, value)
	case string(Upper):
		p.m.Upper = p.path(key, unescape(value))
	case string(Work):
		p.m.Work = p.path(key, unescape(value))
	}
}

// unescape takes out each backslash that escapes, as ovl_unescape does: the last
// one too, if nothing is behind it.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' {
			if i++; i == len(s) {
				break
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// path looks at the path of a layer.
func (p *parser) path(key, path string) string {
	switch {
	case path == "":
		p.refuse(CodeEmptyLayer, key, "", "names a directory without a name", "write an absolute path, or remove it")
	case len(path) > maxPath:
		p.refuse(CodeTooLong, key, shorten(path), fmt.Sprintf("the path has %d bytes, more than %d", len(path), maxPath), "use a shorter path")
	case path[0] != '/':
		fix := "write an absolute path"
		if key == string(Lower) {
			fix += `, and \: for a colon that belongs to one`
		}
		p.refuse(CodeRelative, key, path, "is relative to nothing that is certain", fix)
	}
	return path
}
