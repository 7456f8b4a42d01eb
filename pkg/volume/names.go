package volume

import (
	"strings"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/abi/linux"
)

// maxTarget is the length of the longest symbolic link, PATH_MAX without the zero
// byte.
const maxTarget = linux.PATH_MAX - 1

// checkName refuses what the sandbox must not ask for. LisaFS has refused the
// empty name, "." and "..", and slashes (pkg/lisafs/handlers.go, checkSafeName);
// the rest a hostile sandbox can send.
func checkName(name string) error {
	switch {
	case len(name) > linux.NAME_MAX:
		return unix.ENAMETOOLONG
	case !isName(name):
		return unix.EINVAL
	}
	return nil
}

// isName reports whether a name can be that of a directory's entry.
func isName(name string) bool {
	return name != "" && name != "." && name != ".." && len(name) <= linux.NAME_MAX && !strings.ContainsAny(name, "/\x00")
}

// checkTarget refuses what no symbolic link can have: symlink(2).
func checkTarget(target string) error {
	switch {
	case target == "":
		return unix.ENOENT
	case len(target) > maxTarget:
		return unix.ENAMETOOLONG
	case strings.Contains(target, "\x00"):
		return unix.EINVAL
	}
	return nil
}

// xattrNamespaces are those of attributes that a volume can keep. Those of the
// namespace system are the file system's, such as access control lists, which
// nobody here would heed.
var xattrNamespaces = []string{"user.", "trusted.", "security."}

// askXattr refuses what the sandbox must not ask for.
func askXattr(name string) error {
	if err := checkXattrName(name); err != nil {
		return err
	}
	for _, prefix := range xattrNamespaces {
		switch rest, ok := strings.CutPrefix(name, prefix); {
		case ok && rest == "":
			return unix.EINVAL // as Linux does, fs/xattr.c, xattr_resolve_name
		case ok:
			return nil
		}
	}
	return unix.EOPNOTSUPP
}

// checkXattrName refuses what no attribute can be called: xattr(7).
func checkXattrName(name string) error {
	switch {
	case name == "" || len(name) > linux.XATTR_NAME_MAX:
		return unix.ERANGE
	case strings.Contains(name, "\x00"):
		return unix.EINVAL
	}
	return nil
}
