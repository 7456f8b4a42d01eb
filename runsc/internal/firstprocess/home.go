package firstprocess

import (
	"bufio"
	"os"
	"slices"
	"strconv"
	"strings"
)

// withHome adds HOME to the environment where it has none, as the engine does
// (pkg/sentry/fsimpl/user/user.go, MaybeAddExecUserHome), which looks before the
// overlays are there.
func withHome(env []string, uid int) []string {
	if slices.ContainsFunc(env, func(v string) bool { return strings.HasPrefix(v, "HOME=") }) {
		return env
	}
	return append(env, "HOME="+home("/etc/passwd", uid))
}

// home is "/" for a user whom the file does not know, and empty for one whose
// line ends too early: both as under the engine.
func home(passwd string, uid int) string {
	const none = "/"
	if info, err := os.Stat(passwd); err != nil || !info.Mode().IsRegular() {
		return none
	}
	file, err := os.Open(passwd)
	if err != nil {
		return none
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		parts := strings.Split(strings.TrimSpace(lines.Text()), ":")
		if len(parts) < 3 {
			continue
		}
		if id, err := strconv.ParseUint(parts[2], 10, 32); err != nil || id != uint64(uid) {
			continue
		}
		if len(parts) < 6 {
			return ""
		}
		return parts[5]
	}
	return none
}
