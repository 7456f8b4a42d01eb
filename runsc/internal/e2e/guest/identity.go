package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"runtime"
	"sort"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// startMask is the signal mask of the main thread, where initialisation runs.
// The Go runtime takes nothing out of it but the signals of errors.
var startMask = func() uint64 {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var mask uint64
	unix.RawSyscall6(unix.SYS_RT_SIGPROCMASK, 0, 0, uintptr(unsafe.Pointer(&mask)), 8, 0, 0)
	return mask
}()

// volatileStatus are the lines of /proc/self/status that differ from run to run.
var volatileStatus = []string{"State", "voluntary_ctxt_switches", "VmSize", "VmRSS", "VmData", "Threads", "RssAnon", "RssFile", "RssShmem"}

// runIdentity prints what execve(2) leaves to a process, or hands on to it.
func runIdentity([]string) error {
	// The Go runtime raised the soft limit of files. It puts it back when it
	// executes a program, even one that is not there.
	_ = syscall.Exec("", nil, nil)
	id := map[string]string{
		"args": fmt.Sprintf("%q", os.Args), "mask": fmt.Sprintf("%#x", startMask), "umask": fmt.Sprintf("%#o", unix.Umask(0)),
		"pid": fmt.Sprint(os.Getpid(), os.Getppid(), unix.Getpgrp()), "fds": nameList("/proc/self/fd"),
		"dev": nameList("/dev"), "root": nameList("/"),
	}
	env := os.Environ()
	sort.Strings(env)
	id["env"] = fmt.Sprintf("%q", env)
	cwd, err := os.Getwd()
	id["cwd"] = fmt.Sprint(cwd, err)
	exe, err := os.Readlink("/proc/self/exe")
	id["exe"] = fmt.Sprint(exe, err)
	for _, file := range []string{"cmdline", "comm", "oom_score_adj", "cgroup", "mounts"} {
		text, err := os.ReadFile("/proc/self/" + file)
		id[file] = fmt.Sprintf("%q %v", text, err)
	}
	maps.Copy(id, status())
	maps.Copy(id, limits())
	maps.Copy(id, flags())
	maps.Copy(id, streams())
	return json.NewEncoder(os.Stdout).Encode(id)
}

func nameList(dir string) string {
	entries, err := os.ReadDir(dir)
	list := []string{}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return fmt.Sprint(list, err)
}

func status() map[string]string {
	id := map[string]string{}
	text, err := os.ReadFile("/proc/self/status")
	id["status"] = fmt.Sprint(err)
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(line, ":")
		id["status "+key] = strings.TrimSpace(value)
	}
	for _, key := range volatileStatus {
		delete(id, "status "+key)
	}
	return id
}

func limits() map[string]string {
	id := map[string]string{}
	for resource := range 16 {
		var l unix.Rlimit
		err := unix.Getrlimit(resource, &l)
		id[fmt.Sprintf("limit %d", resource)] = fmt.Sprint(l.Cur, l.Max, err)
	}
	return id
}

// flags are those of prctl(2).
func flags() map[string]string {
	id := map[string]string{}
	for name, option := range map[string]int{
		"dumpable": unix.PR_GET_DUMPABLE, "keepcaps": unix.PR_GET_KEEPCAPS, "securebits": unix.PR_GET_SECUREBITS,
		"no_new_privs": unix.PR_GET_NO_NEW_PRIVS, "subreaper": unix.PR_GET_CHILD_SUBREAPER, "timerslack": unix.PR_GET_TIMERSLACK,
	} {
		value, err := unix.PrctlRetInt(option, 0, 0, 0, 0)
		id[name] = fmt.Sprint(value, err)
	}
	return id
}

// streams are whose the standard streams are, and the terminal.
func streams() map[string]string {
	id := map[string]string{}
	for fd := range 3 {
		var st unix.Stat_t
		err := unix.Fstat(fd, &st)
		flags, _ := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		group, terminal := unix.IoctlGetInt(fd, unix.TIOCGPGRP)
		id[fmt.Sprintf("stream %d", fd)] = fmt.Sprintf("%d:%d %#o flags %#x group %d %v %v", st.Uid, st.Gid, st.Mode, flags, group, terminal, err)
		file, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", fd), os.O_WRONLY, 0)
		id[fmt.Sprintf("stream %d opened", fd)] = fmt.Sprint(err)
		file.Close()
	}
	return id
}
