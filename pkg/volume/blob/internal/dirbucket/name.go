package dirbucket

import (
	"fmt"
	"strconv"
	"strings"
)

// escape returns the path of a key, as fileblob of gocloud.dev v0.49 does: what a
// path cannot have, or has another meaning in one, becomes "__0x<hex>__", and so
// does the beginning of what would be read as such.
func escape(key string) string {
	at := make([]bool, len(key))
	for i := range len(key) {
		_, n := sequence(key[i:])
		at[i] = n > 0 || special(key, i)
	}
	// An escaped byte begins with "__", which may complete what is before it.
	for i := len(key) - 1; i >= 0; i-- {
		if at[i] {
			if j := unfinished(key[:i]); j >= 0 {
				at[j] = true
			}
		}
	}
	var b strings.Builder
	for i := range len(key) {
		if at[i] {
			fmt.Fprintf(&b, "__%#x__", key[i])
		} else {
			b.WriteByte(key[i])
		}
	}
	return b.String()
}

// special reports whether the byte at i is a control character, or a slash that is
// the last byte, after another one, or after "..".
func special(key string, i int) bool {
	return key[i] < ' ' ||
		key[i] == '/' && (i == len(key)-1 || i > 0 && key[i-1] == '/' || strings.HasSuffix(key[:i], ".."))
}

// sequence returns what is escaped at the beginning of s, and in how many bytes; or
// zero.
func sequence(s string) (r rune, n int) {
	s, ok := strings.CutPrefix(s, "__0x")
	digits, _, closed := strings.Cut(s, "__")
	v, err := strconv.ParseInt(digits, 16, 32)
	if !ok || !closed || err != nil {
		return 0, 0
	}
	return rune(v), len("__0x") + len(digits) + len("__")
}

// unfinished returns where an escape sequence begins of which s has all but the
// last bytes, "__" or "_"; or -1.
func unfinished(s string) int {
	s = strings.TrimSuffix(s, "_")
	i := strings.LastIndexByte(s, '_') - 1
	if i < 0 || !strings.HasPrefix(s[i:], "__0x") {
		return -1
	}
	if _, err := strconv.ParseInt(s[i+len("__0x"):], 16, 32); err != nil {
		return -1
	}
	return i
}

func unescape(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		r, n := sequence(s)
		if n > 0 {
			b.WriteRune(r)
		} else {
			n = 1
			b.WriteByte(s[0])
		}
		s = s[n:]
	}
	return b.String()
}

// keyOf returns the key of a file in a directory, or the beginning of the keys in a
// directory, with a slash. Names that no key has are not ok. path and key are the
// parent's: empty, or with a slash at the end.
func keyOf(path, key, name string, dir bool) (string, bool) {
	k, p := key+unescape(name), path+name
	if dir {
		return k + "/", escape(k+"/x") == p+"/x"
	}
	return k, escape(k) == p
}

// pathOf returns the path of a key, for reading only: false for one that no path
// has.
func pathOf(key string) (string, bool) {
	path := escape(key)
	for name := range strings.SplitSeq(path, "/") {
		if name == "" || name == "." || name == ".." {
			return "", false
		}
	}
	return path, !strings.HasSuffix(path, sidecar)
}
