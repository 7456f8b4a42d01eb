package handoff

import (
	"fmt"
	"path"
	"strings"
	"unicode/utf8"
)

// maxPath is the longest path of a socket, without the zero byte: unix(7),
// sun_path.
const maxPath = 107

const scheme = "unix:"

// Address says where a daemon listens. The zero Address is nowhere.
type Address struct{ path string }

// ParseAddress reads "unix:" and an absolute path, which it cleans. Errors are
// *AddressError.
func ParseAddress(s string) (Address, error) {
	p, ok := strings.CutPrefix(s, scheme)
	switch {
	case strings.Contains(p+"/", "/../"):
		// What it leads to depends on symlinks, which cleaning would not see.
		return Address{}, &AddressError{s, `contains ".."`}
	case !ok || !path.IsAbs(p) || path.Clean(p) == "/":
		return Address{}, &AddressError{s, "is not of this form"}
	case !utf8.ValidString(p) || p != printable(p):
		return Address{}, &AddressError{s, "contains characters that are not printable"}
	case len(path.Clean(p)) > maxPath:
		return Address{}, &AddressError{s, fmt.Sprintf("is longer than the %d bytes that a socket's path can have", maxPath)}
	}
	return Address{path.Clean(p)}, nil
}

// Path returns the socket's path.
func (a Address) Path() string { return a.path }

// String returns what ParseAddress reads.
func (a Address) String() string { return scheme + a.path }

// AddressError is for an address that cannot be read.
type AddressError struct {
	Address string
	Reason  string
}

func (e *AddressError) Error() string {
	return fmt.Sprintf("address of a volume daemon %q: %s; it has the form unix:/absolute/path", e.Address, e.Reason)
}
