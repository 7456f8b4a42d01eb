package gofer

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// From a donated directory FD, openat(2) reaches whatever is mounted around
// the directory: ".." leaves the mount, and names lead down into the mounts
// below it. A list of what is donated is therefore not isolation. So every
// connection is served from a copy of its mount that has none of the
// container's other mounts in it, and a directory that is donated from a mount
// namespace that has nothing but such directories, each in a tree of its own:
//
//	wrapper (read-only tmpfs), mounted on the wrapper before it
//	└── d    the copy
//
// A tree is reached only through the magic link of its FD (proc(5),
// /proc/pid/fd). Above the mount there is an empty file system that covers all
// wrappers; below it, where another mount of the container would be, is
// the directory that the other mount covers. A bind's own submounts came with
// it and stay. No process is in the namespace, so that nobody can attach a tree
// somewhere, uncover what is below its mounts or make a read-only one writable.
//
// What is not donated is served from a plain path in the gofer's root, because
// the file server resolves some paths without magic links
// (runsc/fsgofer/lisafs.go:273). A file that is donated leads nowhere.
const (
	servedDir  = "/serve" // becomes the gofer's root
	linksName  = "f"      // in servedDir: the directory of magic links
	wrapperDir = "/tree"
	copyName   = "d"
)

// isolate copies the connections' mounts and says where each is served from.
// root holds all mounts in their places; it is not touched. It needs procfs
// and the capability to mount. The namespace of the trees lasts as long as the
// FD that is returned, or -1 if there is none.
func isolate(root string, conns []connection) (namespace int, err error) {
	if err := makeWrapper(); err != nil {
		return -1, err
	}
	defer unix.Unmount(wrapperDir, unix.MNT_DETACH)
	ss, err := openSources(root, conns)
	if err != nil {
		return -1, err
	}
	defer ss.close()
	var planted []*connection
	var copies []int
	defer func() { closeAll(copies) }()
	for i, s := range ss {
		switch {
		case s.donate && s.directory:
			var fd int
			if fd, err = ss.copyAlone(i); err == nil {
				planted, copies = append(planted, &conns[i]), append(copies, fd)
			}
		default:
			conns[i].served, err = ss.place(i)
		}
		if err != nil {
			return -1, fmt.Errorf("isolating mount %q: %w", s.path, err)
		}
	}
	trees, namespace, err := plant(copies)
	if err != nil {
		return -1, fmt.Errorf("isolating mounts: %w", err)
	}
	for i, c := range planted {
		c.served = servedTree(trees[i])
	}
	return namespace, nil
}

// place copies a mount to a place in the gofer's root and returns its path
// there.
func (ss sources) place(i int) (string, error) {
	place := servedDir + "/" + strconv.Itoa(i)
	var err error
	if ss[i].directory {
		err = os.Mkdir(place, 0o755)
	} else {
		err = os.WriteFile(place, nil, 0o644)
	}
	if err != nil {
		return "", err
	}
	return strings.TrimPrefix(place, servedDir), ss.copyTo(place, i)
}

// copyAlone returns an FD of a detached copy of the mount.
func (ss sources) copyAlone(i int) (int, error) {
	if !ss[i].submounts || len(ss.below(i)) == 0 {
		return ss.clone(i)
	}
	// Mounts can be taken out of an attached copy only.
	if err := ss.copyTo(detachedPlace, i); err != nil {
		return -1, err
	}
	fd, err := unix.OpenTree(unix.AT_FDCWD, detachedPlace, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
	if err != nil {
		return -1, fmt.Errorf("detaching the copy: %w", err)
	}
	if err := unix.Unmount(detachedPlace, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("emptying the wrapper: %w", err)
	}
	return fd, nil
}

// source is a connection's mount, in its place.
type source struct {
	connection
	fd        int // O_PATH
	directory bool
	mountID   uint64 // of the mount that is seen there; 0 if the kernel does not tell

	// mountIDs are the mounts at the connection's place: its own, and what
	// that hides.
	mountIDs []uint64

	// submounts is set where more is mounted in the mount than other
	// connections' mounts: what came with a bind.
	submounts bool
}

type sources []source

// openSources opens the connections' mounts before anything changes. Symbolic
// links were resolved when the mounts were made, so one that appears now was
// planted by a container that shares the directory.
func openSources(root string, conns []connection) (ss sources, err error) {
	defer func() {
		if err != nil {
			ss.close()
		}
	}()
	rootFD, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("opening %q: %w", root, err)
	}
	defer unix.Close(rootFD)
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS}
	for _, c := range conns {
		fd, err := unix.Openat2(rootFD, "."+c.path, &how)
		if err != nil {
			return ss, fmt.Errorf("opening mount %q: %w", c.path, needsKernel(err, "5.6"))
		}
		ss = append(ss, source{connection: c, fd: fd})
		if err := ss[len(ss)-1].look(); err != nil {
			return ss, fmt.Errorf("looking at mount %q: %w", c.path, err)
		}
	}
	mounts, err := readMounts()
	if err != nil {
		return ss, fmt.Errorf("reading mounts: %w", err)
	}
	if err := ss.findMounts(root, mounts); err != nil {
		return ss, err
	}
	ss.findSubmounts(mounts)
	return ss, nil
}

// look finds out what the FD stands for. A place that is not the root of any
// mount is one in a mount that hides the connection's.
func (s *source) look() error {
	var st unix.Statx_t
	if err := unix.Statx(s.fd, "", unix.AT_EMPTY_PATH, unix.STATX_TYPE|unix.STATX_MNT_ID, &st); err != nil {
		return err
	}
	if st.Attributes_mask&unix.STATX_ATTR_MOUNT_ROOT == 0 {
		return needsKernel(unix.ENOSYS, "5.8")
	}
	if st.Attributes&unix.STATX_ATTR_MOUNT_ROOT == 0 && !s.device {
		return errHidden
	}
	s.directory = st.Mode&unix.S_IFMT == unix.S_IFDIR
	if st.Mask&unix.STATX_MNT_ID != 0 {
		s.mountID = st.Mnt_id
	}
	return nil
}

var errHidden = errors.New("another mount hides it; list the mount of a directory before those of what is in it")

// findMounts finds all mounts at each place. Where several have one place, the
// last one hides the others, which would come to light in a copy without it.
func (ss sources) findMounts(root string, mounts []mountEntry) error {
	at := map[string][]uint64{}
	for _, m := range mounts {
		at[m.point] = append(at[m.point], m.id)
	}
	wanted := map[string]int{}
	for i, s := range ss {
		point := strings.TrimSuffix(root+s.path, "/")
		ss[i].mountIDs = at[point]
		if wanted[point]++; wanted[point] > len(at[point]) && !s.device {
			return fmt.Errorf("looking at mount %q: %w", s.path, errHidden)
		}
	}
	return nil
}

// findSubmounts finds out which mounts have submounts of their own.
func (ss sources) findSubmounts(mounts []mountEntry) {
	served := map[uint64]bool{}
	for _, s := range ss {
		for _, id := range s.mountIDs {
			served[id] = !s.device
		}
	}
	others := map[uint64]bool{} // mounts in which something else is mounted
	for _, m := range mounts {
		others[m.parent] = others[m.parent] || !served[m.id]
	}
	for i, s := range ss {
		ss[i].submounts = s.mountID == 0 || others[s.mountID]
	}
}

func (ss sources) close() {
	for _, s := range ss {
		unix.Close(s.fd)
	}
}

// clone returns an FD of a detached copy of the mount with everything below it.
// Where the mount is read-only, so is all of the copy.
//
// Where there is nothing below but the container's other mounts, they are not
// copied to begin with: taking a copy away costs more than making it, and the
// rootfs has one of each.
func (ss sources) clone(i int) (int, error) {
	s := ss[i]
	flags := uint(unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC | unix.AT_EMPTY_PATH)
	if s.submounts {
		flags |= unix.AT_RECURSIVE
	}
	fd, err := unix.OpenTree(s.fd, "", flags)
	if err != nil {
		return -1, fmt.Errorf("copying the mount: %w", needsKernel(err, "5.2"))
	}
	if s.readOnly {
		attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}
		if err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, &attr); err != nil {
			unix.Close(fd)
			return -1, fmt.Errorf("making the mount read-only: %w", needsKernel(err, "5.12"))
		}
	}
	return fd, nil
}

// copyTo copies a mount, with everything below it but the container's other
// mounts, to a place.
func (ss sources) copyTo(place string, i int) error {
	fd, err := ss.clone(i)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.MoveMount(fd, "", unix.AT_FDCWD, place, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return fmt.Errorf("placing the mount: %w", err)
	}
	if below := ss.below(i); ss[i].submounts && len(below) > 0 {
		return removeCopies(place, below)
	}
	return nil
}

// below returns the IDs of all mounts whose place is that of another
// connection, below that of ss[i].
func (ss sources) below(i int) []uint64 {
	prefix := strings.TrimSuffix(ss[i].path, "/") + "/"
	var ids []uint64
	for _, s := range ss {
		if strings.HasPrefix(s.path, prefix) && s.path != ss[i].path && !s.device {
			ids = append(ids, s.mountIDs...)
		}
	}
	return ids
}

func needsKernel(err error, version string) error {
	if errors.Is(err, unix.ENOSYS) {
		return fmt.Errorf("%w (isolating mounts needs Linux %s or newer)", err, version)
	}
	return err
}
