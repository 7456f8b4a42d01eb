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
// container's other mounts in it, and a directory that is donated from a
// detached mount tree:
//
//	wrapper (read-only tmpfs)
//	└── d    the copy
//
// The tree is reached only through the magic link of its FD (proc(5),
// /proc/pid/fd). Above the mount there is the empty wrapper; below it, where
// another mount of the container would be, is the directory that the other
// mount covers. A bind's own submounts came with it and stay. The tree is a
// mount to no system call any more, so that nobody can attach it somewhere,
// uncover what is below its mounts or make a read-only one writable.
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
// and the capability to mount.
func isolate(root string, conns []connection) error {
	if err := makeWrapper(); err != nil {
		return err
	}
	defer unix.Unmount(wrapperDir, unix.MNT_DETACH)
	ss, err := openSources(root, conns)
	if err != nil {
		return err
	}
	defer ss.close()
	for i, s := range ss {
		if conns[i].served, err = ss.serve(i); err != nil {
			return fmt.Errorf("isolating mount %q: %w", s.path, err)
		}
	}
	return nil
}

// serve copies a mount and returns the path of the copy in the gofer's root.
func (ss sources) serve(i int) (string, error) {
	place, err := ss[i].makePlace(i)
	if err != nil {
		return "", err
	}
	if err := ss.copyTo(place, i); err != nil {
		return "", err
	}
	if place == detachedPlace {
		return detach()
	}
	return strings.TrimPrefix(place, servedDir), nil
}

// source is a connection's mount, in its place.
type source struct {
	connection
	fd        int // O_PATH
	directory bool

	// mountIDs are the mounts at the connection's place: its own, and what
	// that hides.
	mountIDs []uint64

	// submounts is set where more is mounted in the mount than other
	// connections' mounts: what came with a bind.
	submounts bool
}

// makePlace returns where the copy goes, and creates what it is mounted on.
func (s source) makePlace(i int) (string, error) {
	if s.donate && s.directory {
		return detachedPlace, nil
	}
	place := servedDir + "/" + strconv.Itoa(i)
	if s.directory {
		return place, os.Mkdir(place, 0o755)
	}
	return place, os.WriteFile(place, nil, 0o644)
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
	return ss, ss.findSubmounts(mounts)
}

// look finds out what the FD stands for. A place that is not the root of any
// mount is one in a mount that hides the connection's.
func (s *source) look() error {
	var st unix.Statx_t
	if err := unix.Statx(s.fd, "", unix.AT_EMPTY_PATH, unix.STATX_TYPE, &st); err != nil {
		return err
	}
	if st.Attributes_mask&unix.STATX_ATTR_MOUNT_ROOT == 0 {
		return needsKernel(unix.ENOSYS, "5.8")
	}
	if st.Attributes&unix.STATX_ATTR_MOUNT_ROOT == 0 && !s.device {
		return errHidden
	}
	s.directory = st.Mode&unix.S_IFMT == unix.S_IFDIR
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
func (ss sources) findSubmounts(mounts []mountEntry) error {
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
		var st unix.Statx_t
		if err := unix.Statx(s.fd, "", unix.AT_EMPTY_PATH, unix.STATX_MNT_ID, &st); err != nil {
			return fmt.Errorf("looking at mount %q: %w", s.path, err)
		}
		ss[i].submounts = st.Mask&unix.STATX_MNT_ID == 0 || others[st.Mnt_id]
	}
	return nil
}

func (ss sources) close() {
	for _, s := range ss {
		unix.Close(s.fd)
	}
}

// copyTo copies a mount, with everything below it but the container's other
// mounts, to a place. Where the mount is read-only, so is all of the copy.
//
// Where there is nothing below but these, they are not copied to begin with:
// taking a copy away costs more than making it, and the rootfs has one of each.
func (ss sources) copyTo(place string, i int) error {
	s := ss[i]
	flags := uint(unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC | unix.AT_EMPTY_PATH)
	if s.submounts {
		flags |= unix.AT_RECURSIVE
	}
	fd, err := unix.OpenTree(s.fd, "", flags)
	if err != nil {
		return fmt.Errorf("copying the mount: %w", needsKernel(err, "5.2"))
	}
	defer unix.Close(fd)
	if s.readOnly {
		attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}
		if err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, &attr); err != nil {
			return fmt.Errorf("making the mount read-only: %w", needsKernel(err, "5.12"))
		}
	}
	if err := unix.MoveMount(fd, "", unix.AT_FDCWD, place, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return fmt.Errorf("placing the mount: %w", err)
	}
	if below := ss.below(i); s.submounts && len(below) > 0 {
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
