// Package syscalls has the names and numbers of this architecture's system
// calls. They are the engine's, of the table by which the sentry serves its
// applications, and of the calls that Linux has and the sentry does not.
package syscalls

import (
	"sync"

	"golang.org/x/sys/unix"
)

// newer are the calls, by their names (syscalls(2)), that the engine's table
// lacks. All architectures give them one number.
var newer = map[string]uint32{
	"process_madvise": unix.SYS_PROCESS_MADVISE, "mount_setattr": unix.SYS_MOUNT_SETATTR, "quotactl_fd": unix.SYS_QUOTACTL_FD,
	"landlock_create_ruleset": unix.SYS_LANDLOCK_CREATE_RULESET, "landlock_add_rule": unix.SYS_LANDLOCK_ADD_RULE,
	"landlock_restrict_self": unix.SYS_LANDLOCK_RESTRICT_SELF, "memfd_secret": unix.SYS_MEMFD_SECRET,
	"process_mrelease": unix.SYS_PROCESS_MRELEASE, "futex_waitv": unix.SYS_FUTEX_WAITV,
	"set_mempolicy_home_node": unix.SYS_SET_MEMPOLICY_HOME_NODE, "cachestat": unix.SYS_CACHESTAT, "fchmodat2": unix.SYS_FCHMODAT2,
	"map_shadow_stack": unix.SYS_MAP_SHADOW_STACK, "futex_wake": unix.SYS_FUTEX_WAKE, "futex_wait": unix.SYS_FUTEX_WAIT,
	"futex_requeue": unix.SYS_FUTEX_REQUEUE, "statmount": unix.SYS_STATMOUNT, "listmount": unix.SYS_LISTMOUNT,
	"lsm_get_self_attr": unix.SYS_LSM_GET_SELF_ATTR, "lsm_set_self_attr": unix.SYS_LSM_SET_SELF_ATTR,
	"lsm_list_modules": unix.SYS_LSM_LIST_MODULES, "mseal": unix.SYS_MSEAL, "setxattrat": unix.SYS_SETXATTRAT,
	"getxattrat": unix.SYS_GETXATTRAT, "listxattrat": unix.SYS_LISTXATTRAT, "removexattrat": unix.SYS_REMOVEXATTRAT,
	"open_tree_attr": unix.SYS_OPEN_TREE_ATTR,
}

// numbers is made at the first use, because few processes have any.
var numbers = sync.OnceValue(func() map[string]uint32 {
	byName := make(map[string]uint32, len(engine.Table)+len(newer))
	for nr, call := range engine.Table {
		byName[call.Name] = uint32(nr)
	}
	for name, nr := range newer {
		byName[name] = nr
	}
	return byName
})

var names = sync.OnceValue(func() map[uint32]string {
	byNumber := make(map[uint32]string, len(numbers()))
	for name, nr := range numbers() {
		byNumber[nr] = name
	}
	return byNumber
})

// Number returns the number of a call, and whether this architecture has it.
func Number(name string) (uint32, bool) {
	nr, ok := numbers()[name]
	return nr, ok
}

// Name returns the name of the call with a number, and whether it is known. A
// kernel may have calls that are not.
func Name(nr uint32) (string, bool) {
	name, ok := names()[nr]
	return name, ok
}
