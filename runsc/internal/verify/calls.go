package verify

import (
	"maps"
	"sync"

	"golang.org/x/sys/unix"
)

// commonNumbers returns the system calls that all architectures have, by their
// names (syscalls(2)), with the numbers of this one. It is a function so that no
// start of a sandbox pays for a table that only verification reads.
func commonNumbers() map[string]uint32 {
	return map[string]uint32{
		"accept": unix.SYS_ACCEPT, "accept4": unix.SYS_ACCEPT4, "acct": unix.SYS_ACCT, "add_key": unix.SYS_ADD_KEY, "adjtimex": unix.SYS_ADJTIMEX,
		"bind": unix.SYS_BIND, "bpf": unix.SYS_BPF, "brk": unix.SYS_BRK, "cachestat": unix.SYS_CACHESTAT, "capget": unix.SYS_CAPGET,
		"capset": unix.SYS_CAPSET, "chdir": unix.SYS_CHDIR, "chroot": unix.SYS_CHROOT, "clock_adjtime": unix.SYS_CLOCK_ADJTIME,
		"clock_getres": unix.SYS_CLOCK_GETRES, "clock_gettime": unix.SYS_CLOCK_GETTIME, "clock_nanosleep": unix.SYS_CLOCK_NANOSLEEP,
		"clock_settime": unix.SYS_CLOCK_SETTIME, "clone": unix.SYS_CLONE, "clone3": unix.SYS_CLONE3, "close": unix.SYS_CLOSE,
		"close_range": unix.SYS_CLOSE_RANGE, "connect": unix.SYS_CONNECT, "copy_file_range": unix.SYS_COPY_FILE_RANGE,
		"delete_module": unix.SYS_DELETE_MODULE, "dup": unix.SYS_DUP, "dup3": unix.SYS_DUP3, "epoll_create1": unix.SYS_EPOLL_CREATE1,
		"epoll_ctl": unix.SYS_EPOLL_CTL, "epoll_pwait": unix.SYS_EPOLL_PWAIT, "epoll_pwait2": unix.SYS_EPOLL_PWAIT2, "eventfd2": unix.SYS_EVENTFD2,
		"execve": unix.SYS_EXECVE, "execveat": unix.SYS_EXECVEAT, "exit": unix.SYS_EXIT, "exit_group": unix.SYS_EXIT_GROUP, "faccessat": unix.SYS_FACCESSAT,
		"faccessat2": unix.SYS_FACCESSAT2, "fadvise64": unix.SYS_FADVISE64, "fallocate": unix.SYS_FALLOCATE, "fanotify_init": unix.SYS_FANOTIFY_INIT,
		"fanotify_mark": unix.SYS_FANOTIFY_MARK, "fchdir": unix.SYS_FCHDIR, "fchmod": unix.SYS_FCHMOD, "fchmodat": unix.SYS_FCHMODAT,
		"fchmodat2": unix.SYS_FCHMODAT2, "fchown": unix.SYS_FCHOWN, "fchownat": unix.SYS_FCHOWNAT, "fcntl": unix.SYS_FCNTL, "fdatasync": unix.SYS_FDATASYNC,
		"fgetxattr": unix.SYS_FGETXATTR, "finit_module": unix.SYS_FINIT_MODULE, "flistxattr": unix.SYS_FLISTXATTR, "flock": unix.SYS_FLOCK,
		"fremovexattr": unix.SYS_FREMOVEXATTR, "fsconfig": unix.SYS_FSCONFIG, "fsetxattr": unix.SYS_FSETXATTR, "fsmount": unix.SYS_FSMOUNT,
		"fsopen": unix.SYS_FSOPEN, "fspick": unix.SYS_FSPICK, "fstat": unix.SYS_FSTAT, "fstatfs": unix.SYS_FSTATFS, "fsync": unix.SYS_FSYNC,
		"ftruncate": unix.SYS_FTRUNCATE, "futex": unix.SYS_FUTEX, "futex_requeue": unix.SYS_FUTEX_REQUEUE, "futex_wait": unix.SYS_FUTEX_WAIT,
		"futex_waitv": unix.SYS_FUTEX_WAITV, "futex_wake": unix.SYS_FUTEX_WAKE, "getcpu": unix.SYS_GETCPU, "getcwd": unix.SYS_GETCWD,
		"getdents64": unix.SYS_GETDENTS64, "getegid": unix.SYS_GETEGID, "geteuid": unix.SYS_GETEUID, "getgid": unix.SYS_GETGID,
		"getgroups": unix.SYS_GETGROUPS, "getitimer": unix.SYS_GETITIMER, "getpeername": unix.SYS_GETPEERNAME, "getpgid": unix.SYS_GETPGID,
		"getpid": unix.SYS_GETPID, "getppid": unix.SYS_GETPPID, "getpriority": unix.SYS_GETPRIORITY, "getrandom": unix.SYS_GETRANDOM,
		"getresgid": unix.SYS_GETRESGID, "getresuid": unix.SYS_GETRESUID, "getrlimit": unix.SYS_GETRLIMIT, "getrusage": unix.SYS_GETRUSAGE,
		"getsid": unix.SYS_GETSID, "getsockname": unix.SYS_GETSOCKNAME, "getsockopt": unix.SYS_GETSOCKOPT, "gettid": unix.SYS_GETTID,
		"gettimeofday": unix.SYS_GETTIMEOFDAY, "getuid": unix.SYS_GETUID, "getxattr": unix.SYS_GETXATTR, "getxattrat": unix.SYS_GETXATTRAT,
		"get_mempolicy": unix.SYS_GET_MEMPOLICY, "get_robust_list": unix.SYS_GET_ROBUST_LIST, "init_module": unix.SYS_INIT_MODULE,
		"inotify_add_watch": unix.SYS_INOTIFY_ADD_WATCH, "inotify_init1": unix.SYS_INOTIFY_INIT1, "inotify_rm_watch": unix.SYS_INOTIFY_RM_WATCH,
		"ioctl": unix.SYS_IOCTL, "ioprio_get": unix.SYS_IOPRIO_GET, "ioprio_set": unix.SYS_IOPRIO_SET, "io_cancel": unix.SYS_IO_CANCEL,
		"io_destroy": unix.SYS_IO_DESTROY, "io_getevents": unix.SYS_IO_GETEVENTS, "io_pgetevents": unix.SYS_IO_PGETEVENTS, "io_setup": unix.SYS_IO_SETUP,
		"io_submit": unix.SYS_IO_SUBMIT, "io_uring_enter": unix.SYS_IO_URING_ENTER, "io_uring_register": unix.SYS_IO_URING_REGISTER,
		"io_uring_setup": unix.SYS_IO_URING_SETUP, "kcmp": unix.SYS_KCMP, "kexec_file_load": unix.SYS_KEXEC_FILE_LOAD, "kexec_load": unix.SYS_KEXEC_LOAD,
		"keyctl": unix.SYS_KEYCTL, "kill": unix.SYS_KILL, "landlock_add_rule": unix.SYS_LANDLOCK_ADD_RULE,
		"landlock_create_ruleset": unix.SYS_LANDLOCK_CREATE_RULESET, "landlock_restrict_self": unix.SYS_LANDLOCK_RESTRICT_SELF,
		"lgetxattr": unix.SYS_LGETXATTR, "linkat": unix.SYS_LINKAT, "listen": unix.SYS_LISTEN, "listmount": unix.SYS_LISTMOUNT,
		"listxattr": unix.SYS_LISTXATTR, "listxattrat": unix.SYS_LISTXATTRAT, "llistxattr": unix.SYS_LLISTXATTR, "lookup_dcookie": unix.SYS_LOOKUP_DCOOKIE,
		"lremovexattr": unix.SYS_LREMOVEXATTR, "lseek": unix.SYS_LSEEK, "lsetxattr": unix.SYS_LSETXATTR, "lsm_get_self_attr": unix.SYS_LSM_GET_SELF_ATTR,
		"lsm_list_modules": unix.SYS_LSM_LIST_MODULES, "lsm_set_self_attr": unix.SYS_LSM_SET_SELF_ATTR, "madvise": unix.SYS_MADVISE,
		"map_shadow_stack": unix.SYS_MAP_SHADOW_STACK, "mbind": unix.SYS_MBIND, "membarrier": unix.SYS_MEMBARRIER, "memfd_create": unix.SYS_MEMFD_CREATE,
		"memfd_secret": unix.SYS_MEMFD_SECRET, "migrate_pages": unix.SYS_MIGRATE_PAGES, "mincore": unix.SYS_MINCORE, "mkdirat": unix.SYS_MKDIRAT,
		"mknodat": unix.SYS_MKNODAT, "mlock": unix.SYS_MLOCK, "mlock2": unix.SYS_MLOCK2, "mlockall": unix.SYS_MLOCKALL, "mmap": unix.SYS_MMAP,
		"mount": unix.SYS_MOUNT, "mount_setattr": unix.SYS_MOUNT_SETATTR, "move_mount": unix.SYS_MOVE_MOUNT, "move_pages": unix.SYS_MOVE_PAGES,
		"mprotect": unix.SYS_MPROTECT, "mq_getsetattr": unix.SYS_MQ_GETSETATTR, "mq_notify": unix.SYS_MQ_NOTIFY, "mq_open": unix.SYS_MQ_OPEN,
		"mq_timedreceive": unix.SYS_MQ_TIMEDRECEIVE, "mq_timedsend": unix.SYS_MQ_TIMEDSEND, "mq_unlink": unix.SYS_MQ_UNLINK, "mremap": unix.SYS_MREMAP,
		"mseal": unix.SYS_MSEAL, "msgctl": unix.SYS_MSGCTL, "msgget": unix.SYS_MSGGET, "msgrcv": unix.SYS_MSGRCV, "msgsnd": unix.SYS_MSGSND,
		"msync": unix.SYS_MSYNC, "munlock": unix.SYS_MUNLOCK, "munlockall": unix.SYS_MUNLOCKALL, "munmap": unix.SYS_MUNMAP,
		"name_to_handle_at": unix.SYS_NAME_TO_HANDLE_AT, "nanosleep": unix.SYS_NANOSLEEP, "newfstatat": unix.SYS_NEWFSTATAT,
		"nfsservctl": unix.SYS_NFSSERVCTL, "openat": unix.SYS_OPENAT, "openat2": unix.SYS_OPENAT2, "open_by_handle_at": unix.SYS_OPEN_BY_HANDLE_AT,
		"open_tree": unix.SYS_OPEN_TREE, "open_tree_attr": unix.SYS_OPEN_TREE_ATTR, "perf_event_open": unix.SYS_PERF_EVENT_OPEN,
		"personality": unix.SYS_PERSONALITY, "pidfd_getfd": unix.SYS_PIDFD_GETFD, "pidfd_open": unix.SYS_PIDFD_OPEN,
		"pidfd_send_signal": unix.SYS_PIDFD_SEND_SIGNAL, "pipe2": unix.SYS_PIPE2, "pivot_root": unix.SYS_PIVOT_ROOT, "pkey_alloc": unix.SYS_PKEY_ALLOC,
		"pkey_free": unix.SYS_PKEY_FREE, "pkey_mprotect": unix.SYS_PKEY_MPROTECT, "ppoll": unix.SYS_PPOLL, "prctl": unix.SYS_PRCTL,
		"pread64": unix.SYS_PREAD64, "preadv": unix.SYS_PREADV, "preadv2": unix.SYS_PREADV2, "prlimit64": unix.SYS_PRLIMIT64,
		"process_madvise": unix.SYS_PROCESS_MADVISE, "process_mrelease": unix.SYS_PROCESS_MRELEASE, "process_vm_readv": unix.SYS_PROCESS_VM_READV,
		"process_vm_writev": unix.SYS_PROCESS_VM_WRITEV, "pselect6": unix.SYS_PSELECT6, "ptrace": unix.SYS_PTRACE, "pwrite64": unix.SYS_PWRITE64,
		"pwritev": unix.SYS_PWRITEV, "pwritev2": unix.SYS_PWRITEV2, "quotactl": unix.SYS_QUOTACTL, "quotactl_fd": unix.SYS_QUOTACTL_FD,
		"read": unix.SYS_READ, "readahead": unix.SYS_READAHEAD, "readlinkat": unix.SYS_READLINKAT, "readv": unix.SYS_READV, "reboot": unix.SYS_REBOOT,
		"recvfrom": unix.SYS_RECVFROM, "recvmmsg": unix.SYS_RECVMMSG, "recvmsg": unix.SYS_RECVMSG, "remap_file_pages": unix.SYS_REMAP_FILE_PAGES,
		"removexattr": unix.SYS_REMOVEXATTR, "removexattrat": unix.SYS_REMOVEXATTRAT, "renameat": unix.SYS_RENAMEAT, "renameat2": unix.SYS_RENAMEAT2,
		"request_key": unix.SYS_REQUEST_KEY, "restart_syscall": unix.SYS_RESTART_SYSCALL, "rseq": unix.SYS_RSEQ, "rt_sigaction": unix.SYS_RT_SIGACTION,
		"rt_sigpending": unix.SYS_RT_SIGPENDING, "rt_sigprocmask": unix.SYS_RT_SIGPROCMASK, "rt_sigqueueinfo": unix.SYS_RT_SIGQUEUEINFO,
		"rt_sigreturn": unix.SYS_RT_SIGRETURN, "rt_sigsuspend": unix.SYS_RT_SIGSUSPEND, "rt_sigtimedwait": unix.SYS_RT_SIGTIMEDWAIT,
		"rt_tgsigqueueinfo": unix.SYS_RT_TGSIGQUEUEINFO, "sched_getaffinity": unix.SYS_SCHED_GETAFFINITY, "sched_getattr": unix.SYS_SCHED_GETATTR,
		"sched_getparam": unix.SYS_SCHED_GETPARAM, "sched_getscheduler": unix.SYS_SCHED_GETSCHEDULER,
		"sched_get_priority_max": unix.SYS_SCHED_GET_PRIORITY_MAX, "sched_get_priority_min": unix.SYS_SCHED_GET_PRIORITY_MIN,
		"sched_rr_get_interval": unix.SYS_SCHED_RR_GET_INTERVAL, "sched_setaffinity": unix.SYS_SCHED_SETAFFINITY, "sched_setattr": unix.SYS_SCHED_SETATTR,
		"sched_setparam": unix.SYS_SCHED_SETPARAM, "sched_setscheduler": unix.SYS_SCHED_SETSCHEDULER, "sched_yield": unix.SYS_SCHED_YIELD,
		"seccomp": unix.SYS_SECCOMP, "semctl": unix.SYS_SEMCTL, "semget": unix.SYS_SEMGET, "semop": unix.SYS_SEMOP, "semtimedop": unix.SYS_SEMTIMEDOP,
		"sendfile": unix.SYS_SENDFILE, "sendmmsg": unix.SYS_SENDMMSG, "sendmsg": unix.SYS_SENDMSG, "sendto": unix.SYS_SENDTO,
		"setdomainname": unix.SYS_SETDOMAINNAME, "setfsgid": unix.SYS_SETFSGID, "setfsuid": unix.SYS_SETFSUID, "setgid": unix.SYS_SETGID,
		"setgroups": unix.SYS_SETGROUPS, "sethostname": unix.SYS_SETHOSTNAME, "setitimer": unix.SYS_SETITIMER, "setns": unix.SYS_SETNS,
		"setpgid": unix.SYS_SETPGID, "setpriority": unix.SYS_SETPRIORITY, "setregid": unix.SYS_SETREGID, "setresgid": unix.SYS_SETRESGID,
		"setresuid": unix.SYS_SETRESUID, "setreuid": unix.SYS_SETREUID, "setrlimit": unix.SYS_SETRLIMIT, "setsid": unix.SYS_SETSID,
		"setsockopt": unix.SYS_SETSOCKOPT, "settimeofday": unix.SYS_SETTIMEOFDAY, "setuid": unix.SYS_SETUID, "setxattr": unix.SYS_SETXATTR,
		"setxattrat": unix.SYS_SETXATTRAT, "set_mempolicy": unix.SYS_SET_MEMPOLICY, "set_mempolicy_home_node": unix.SYS_SET_MEMPOLICY_HOME_NODE,
		"set_robust_list": unix.SYS_SET_ROBUST_LIST, "set_tid_address": unix.SYS_SET_TID_ADDRESS, "shmat": unix.SYS_SHMAT, "shmctl": unix.SYS_SHMCTL,
		"shmdt": unix.SYS_SHMDT, "shmget": unix.SYS_SHMGET, "shutdown": unix.SYS_SHUTDOWN, "sigaltstack": unix.SYS_SIGALTSTACK,
		"signalfd4": unix.SYS_SIGNALFD4, "socket": unix.SYS_SOCKET, "socketpair": unix.SYS_SOCKETPAIR, "splice": unix.SYS_SPLICE, "statfs": unix.SYS_STATFS,
		"statmount": unix.SYS_STATMOUNT, "statx": unix.SYS_STATX, "swapoff": unix.SYS_SWAPOFF, "swapon": unix.SYS_SWAPON, "symlinkat": unix.SYS_SYMLINKAT,
		"sync": unix.SYS_SYNC, "syncfs": unix.SYS_SYNCFS, "sync_file_range": unix.SYS_SYNC_FILE_RANGE, "sysinfo": unix.SYS_SYSINFO,
		"syslog": unix.SYS_SYSLOG, "tee": unix.SYS_TEE, "tgkill": unix.SYS_TGKILL, "timerfd_create": unix.SYS_TIMERFD_CREATE,
		"timerfd_gettime": unix.SYS_TIMERFD_GETTIME, "timerfd_settime": unix.SYS_TIMERFD_SETTIME, "timer_create": unix.SYS_TIMER_CREATE,
		"timer_delete": unix.SYS_TIMER_DELETE, "timer_getoverrun": unix.SYS_TIMER_GETOVERRUN, "timer_gettime": unix.SYS_TIMER_GETTIME,
		"timer_settime": unix.SYS_TIMER_SETTIME, "times": unix.SYS_TIMES, "tkill": unix.SYS_TKILL, "truncate": unix.SYS_TRUNCATE, "umask": unix.SYS_UMASK,
		"umount2": unix.SYS_UMOUNT2, "uname": unix.SYS_UNAME, "unlinkat": unix.SYS_UNLINKAT, "unshare": unix.SYS_UNSHARE,
		"userfaultfd": unix.SYS_USERFAULTFD, "utimensat": unix.SYS_UTIMENSAT, "vhangup": unix.SYS_VHANGUP, "vmsplice": unix.SYS_VMSPLICE,
		"wait4": unix.SYS_WAIT4, "waitid": unix.SYS_WAITID, "write": unix.SYS_WRITE, "writev": unix.SYS_WRITEV,
	}
}

// numbers returns the numbers of all system calls by their names.
var numbers = sync.OnceValue(func() map[string]uint32 {
	byName := commonNumbers()
	maps.Copy(byName, oldNumbers())
	return byName
})

// names returns the reverse of numbers.
var names = sync.OnceValue(func() map[uint32]string {
	byNumber := make(map[uint32]string, len(numbers()))
	for name, nr := range numbers() {
		byNumber[nr] = name
	}
	return byNumber
})

// number returns the number of a call, and whether this architecture has it.
func number(name string) (uint32, bool) {
	nr, ok := numbers()[name]
	return nr, ok
}
