package inspect

import (
	"fmt"
	"os"
	"strconv"

	"github.com/directfs/runsc/pkg/overlaymount"
	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// elsewhere are the overlays with an upper layer in other mount namespaces, as those
// of containers: runc mounts an overlay in the container's. Their options name the
// layers by paths of whoever mounted, and are taken for those of this namespace:
// nothing is looked up in the other one, where names can lead to a file system that
// does not answer. Only namespaces of this process's user namespace count, for in
// others anybody could give an overlay any name.
func elsewhere() (all []overlaymount.Mounted) {
	own, err := namespaceOf("/proc/thread-self/ns/mnt")
	if err != nil {
		return nil
	}
	seen := map[uint64]bool{own.mnt: true}
	processes, _ := os.ReadDir("/proc")
	for _, p := range processes {
		pid, err := strconv.Atoi(p.Name())
		if err != nil {
			continue
		}
		ns, err := namespaceOf(fmt.Sprintf("/proc/%d/ns/mnt", pid))
		if err != nil || seen[ns.mnt] {
			continue
		}
		seen[ns.mnt] = true
		if ns.user != own.user {
			continue
		}
		for _, o := range overlaysIn(pid) {
			o.Process = pid
			all = append(all, o)
		}
	}
	return all
}

func overlaysIn(process int) []overlaymount.Mounted {
	f, err := os.Open(fmt.Sprintf("/proc/%d/mountinfo", process))
	if err != nil {
		return nil
	}
	defer f.Close()
	mounts, err := mountinfo.GetMountsFromReader(f, mountinfo.FSTypeFilter(overlayType))
	if err != nil {
		return nil
	}
	return (&table{mounts: mounts}).overlays()
}

// namespace is a mount namespace, and the user namespace that owns it.
type namespace struct{ mnt, user uint64 }

func namespaceOf(file string) (n namespace, err error) {
	fd, err := unix.Open(file, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return n, err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return n, err
	}
	n.mnt = st.Ino
	owner, err := unix.IoctlRetInt(fd, unix.NS_GET_USERNS) // ioctl_ns(2)
	if err != nil {
		return n, err
	}
	defer unix.Close(owner)
	err = unix.Fstat(owner, &st)
	n.user = st.Ino
	return n, err
}
