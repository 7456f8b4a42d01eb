// Package names maps keys of objects to names in directories.
package names

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode/utf8"
)

// Max is the length of a name in bytes, and MaxKey that of a key.
const (
	Max    = 255
	MaxKey = 1024
)

// Possible reports whether a directory can have a name.
func Possible(name string) bool { return Problem(name) == "" }

// Problem says why a directory cannot have a name, and is empty if it can.
func Problem(name string) string {
	switch {
	case name == "":
		return "an empty name"
	case name == "." || name == "..":
		return "the name of another directory"
	case len(name) > Max:
		return "a name of more than 255 bytes"
	case strings.Contains(name, "/"):
		return "a slash at the end of a file's name"
	case strings.Contains(name, "\x00"):
		return "a zero byte"
	case !utf8.ValidString(name):
		return "bytes that are not UTF-8"
	case strings.Contains(name, mark):
		return "a name that stands for others"
	}
	return ""
}

// Unlistable says why a new object must not have a name, and is empty if it may: S3
// lists keys in XML, which has no such characters (XML 1.0, section 2.2), or makes
// others of them. One such object, and the directory could not be listed any more.
func Unlistable(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool {
		return r < ' ' && r != '\t' && r != '\n' || r == 0xFFFE || r == 0xFFFF
	}) {
		return "a character that a store cannot list"
	}
	return ""
}

// mark is in every substitute and in no other name.
const mark = "~object-"

// Substitute is the name of an object that cannot have its own: what is possible
// of that, and a hash of the key.
func Substitute(name, key string) string {
	sum := sha256.Sum256([]byte(key))
	clean := strings.NewReplacer("/", "_", "\x00", "_", mark, "_").Replace(name)
	if most := Max - len(mark) - 16; len(clean) > most {
		clean = clean[:most]
	}
	return clean + mark + hex.EncodeToString(sum[:8])
}

// IsSubstitute reports whether a name was made by Substitute.
func IsSubstitute(name string) bool { return strings.Contains(name, mark) }

// Split returns the directory's key, which is empty or ends with a slash, and the
// last component of the key of an object, or of a directory, whose slash at the
// end is not part of its name.
func Split(key string, dir bool) (parent, name string) {
	if dir {
		key = strings.TrimSuffix(key, "/")
	}
	i := strings.LastIndexByte(key, '/') + 1
	return key[:i], key[i:]
}
