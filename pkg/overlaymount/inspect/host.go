package inspect

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// initialUserNamespace is the inode of the one that the kernel starts with
// (include/linux/proc_ns.h, PROC_USER_INIT_INO).
const initialUserNamespace = 0xEFFFFFFD

func inUserNamespace() bool {
	info, err := os.Stat("/proc/thread-self/ns/user")
	if err != nil {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && st.Ino != initialUserNamespace
}

// noOverlay says why the kernel certainly has no overlay file system. It may load
// one when it is asked to mount it, unless it cannot load modules.
func noOverlay(proc string) string {
	known, err := os.ReadFile(filepath.Join(proc, "filesystems"))
	if err != nil || strings.Contains(string(known), "\toverlay\n") {
		return ""
	}
	const missing = "the kernel has no overlay file system (/proc/filesystems)"
	if _, err := os.Stat(filepath.Join(proc, "modules")); errors.Is(err, fs.ErrNotExist) {
		return missing + ", and loads no modules"
	}
	if off, err := os.ReadFile(filepath.Join(proc, "sys/kernel/modules_disabled")); err == nil && strings.TrimSpace(string(off)) == "1" {
		return missing + ", and loads no modules any more (kernel.modules_disabled)"
	}
	return ""
}
