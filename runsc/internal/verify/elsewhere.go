package verify

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// elsewhere explains why a path of the plan may lead to other files here than it
// did for the runtime: the process that keeps the gofer, such as podman's conmon,
// has another mount namespace. A user's podman has one of its own. It is no
// excuse, and only an explanation: that process may be a container author's.
func elsewhere(gofer int) string {
	keeper, err := parentOf(gofer)
	if err != nil {
		return ""
	}
	theirs, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/mnt", keeper))
	if err != nil {
		return ""
	}
	if ours, err := os.Readlink("/proc/self/ns/mnt"); err != nil || theirs == ours {
		return ""
	}
	return fmt.Sprintf("paths may lead elsewhere here: the gofer's parent, process %d, is in another mount namespace; to compare there: nsenter --mount --target %d runsc --root=... policy verify ...", keeper, keeper)
}

// parentOf reads the parent's PID, the second field after the name, which is in
// parentheses and can have any characters (proc_pid_stat(5)).
func parentOf(pid int) (int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 2 {
		return 0, fmt.Errorf("no parent in /proc/%d/stat", pid)
	}
	return strconv.Atoi(fields[1])
}
