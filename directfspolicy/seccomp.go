package directfspolicy

import "slices"

// SetName names a set of system calls that a seccomp filter allows. A Plan
// names sets; [Calls] lists what is in them.
type SetName string

const (
	// SentryBase is what every sandbox process may call, whatever its mounts.
	SentryBase SetName = "sentry-base"

	// SentryHostFilesystem is what a sentry needs to open files itself. Every
	// call takes an FD that is not negative, so no path is resolved from the
	// process's root or working directory.
	SentryHostFilesystem SetName = "sentry-host-filesystem"

	// SentryHostFilesystemRead is the part of SentryHostFilesystem that changes
	// no file. With it, openat must not open for writing, create or truncate.
	SentryHostFilesystemRead SetName = "sentry-host-filesystem-read"

	// GoferBase is what every gofer may call.
	GoferBase SetName = "gofer-base"

	// GoferDirectFSFallback is what a gofer still does for a directfs mount:
	// changing modes and owners, and extended attributes of files that the
	// sentry holds by an O_PATH FD.
	GoferDirectFSFallback SetName = "gofer-directfs-fallback"

	// GoferDirectFSFallbackRead is the part of GoferDirectFSFallback that
	// changes no file.
	GoferDirectFSFallbackRead SetName = "gofer-directfs-fallback-read"

	// GoferVolume is what a gofer needs to answer for a volume of a backend in its
	// process: ftruncate, for the memory that a connection's channels share. What
	// the backend itself calls is not directfs's business and is in no set.
	GoferVolume SetName = "gofer-volume"

	// GoferLisaFSRead is the part of GoferLisaFS that changes no file. It has what
	// GoferVolume has.
	GoferLisaFSRead SetName = "gofer-lisafs-read"

	// GoferLisaFS is what a gofer needs to serve a mount over LisaFS by its file
	// server.
	GoferLisaFS SetName = "gofer-lisafs"
)

// SetNames lists every set, in the order in which a Plan names them.
func SetNames() []SetName {
	return []SetName{
		SentryBase, SentryHostFilesystemRead, SentryHostFilesystem,
		GoferBase, GoferDirectFSFallbackRead, GoferDirectFSFallback, GoferVolume, GoferLisaFSRead, GoferLisaFS,
	}
}

// calls makes a sorted list without duplicates.
func calls(names ...string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}

// fallbackCalls are part of the engine's base rules for every gofer, because
// both ways of serving need them.
var (
	fallbackReadCalls = calls("lgetxattr", "llistxattr")
	fallbackCalls     = append(calls("fchmod", "fchmodat", "fchownat", "lremovexattr", "lsetxattr"), fallbackReadCalls...)
)

// seccompSets holds the names that the sets have on amd64; arm64 has the same
// calls but for those of its platforms. The calls that a platform (systrap,
// ptrace, kvm), host networking, profiling or a device proxy add are not
// directfs's business and are in no set. docs/security.md says where the engine
// defines each set.
var seccompSets = map[SetName][]string{
	SentryBase: calls(
		"accept4", "clock_gettime", "clone", "close", "dup", "dup3", "epoll_create1", "epoll_ctl", "epoll_pwait",
		"eventfd2", "exit", "exit_group", "fallocate", "fchmod", "fcntl", "fdatasync", "fstat", "fstatfs", "fsync",
		"ftruncate", "futex", "getcpu", "getpid", "getrandom", "getsockopt", "gettid", "gettimeofday", "io_destroy",
		"io_getevents", "io_setup", "io_submit", "ioctl", "listen", "lseek", "madvise", "membarrier", "memfd_create",
		"mincore", "mlock", "mmap", "mprotect", "munlock", "munmap", "nanosleep", "ppoll", "prctl", "pread64",
		"preadv", "preadv2", "pwrite64", "pwritev", "pwritev2", "read", "recvmmsg", "recvmsg", "restart_syscall",
		"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sched_yield", "sendmmsg", "sendmsg", "setitimer",
		"shutdown", "sigaltstack", "statx", "sync_file_range", "tee", "tgkill", "timer_create", "timer_delete",
		"timer_settime", "utimensat", "write", "writev",
	),
	SentryHostFilesystem: calls(
		"fchmodat", "fchownat", "fgetxattr", "flistxattr", "fremovexattr", "fsetxattr", "getdents64", "linkat",
		"mkdirat", "mknodat", "newfstatat", "openat", "readlinkat", "renameat2", "symlinkat", "unlinkat", "utimensat",
	),
	SentryHostFilesystemRead: calls("fgetxattr", "flistxattr", "getdents64", "newfstatat", "openat", "readlinkat"),
	GoferBase: calls(
		"accept", "clock_gettime", "clone", "close", "dup", "epoll_ctl", "epoll_pwait", "eventfd2", "exit",
		"exit_group", "fcntl", "fsync", "futex", "getcpu", "getpid", "getrandom", "gettid", "gettimeofday", "lseek",
		"madvise", "memfd_create", "mmap", "mprotect", "munmap", "nanosleep", "newfstatat", "openat", "openat2",
		"ppoll", "prctl", "pread64", "pwrite64", "read", "recvmsg", "restart_syscall", "rt_sigaction",
		"rt_sigprocmask", "rt_sigreturn", "sched_getaffinity", "sched_yield", "sendmsg", "shutdown", "sigaltstack",
		"socketpair", "statx", "tgkill", "write",
	),
	GoferDirectFSFallback:     fallbackCalls,
	GoferDirectFSFallbackRead: fallbackReadCalls,
	GoferVolume:               calls("ftruncate"),
	GoferLisaFSRead:           append(calls("fgetxattr", "flistxattr", "fstatfs", "ftruncate", "getdents64", "readlinkat"), fallbackReadCalls...),
	GoferLisaFS: append(calls(
		"fallocate", "fgetxattr", "flistxattr", "fremovexattr", "fsetxattr", "fstatfs", "ftruncate", "getdents64",
		"linkat", "mkdirat", "mknodat", "readlinkat", "renameat2", "symlinkat", "unlinkat", "utimensat",
	), fallbackCalls...),
}

// Calls returns the union of the named sets: the names of system calls
// (syscalls(2)), sorted. An unknown set contributes nothing, so that a Plan of
// another version never seems to allow more.
func Calls(names ...SetName) []string {
	var all []string
	for _, n := range names {
		all = append(all, seccompSets[n]...)
	}
	return calls(all...)
}
