package gofer

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/runsc/cmd/sandboxsetup"
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
		place, err := s.makePlace(i)
		if err == nil {
			err = ss.copyTo(place, i)
		}
		if err == nil && place == detachedPlace {
			conns[i].served, err = detach()
		} else {
			conns[i].served = strings.TrimPrefix(place, servedDir)
		}
		if err != nil {
			return fmt.Errorf("isolating mount %q: %w", s.path, err)
		}
	}
	return nil
}

const detachedPlace = wrapperDir + "/" + copyName

// makeWrapper mounts the wrapper, and the directory of magic links in the
// directory that is to be the gofer's root.
func makeWrapper() error {
	links := servedDir + "/" + linksName
	for _, dir := range []string{servedDir, links, wrapperDir} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
	}
	if err := unix.Mount(sandboxsetup.ProcFDBindMount, links, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("binding the directory of FDs: %w", err)
	}
	const flags = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	if err := unix.Mount("directfs", wrapperDir, "tmpfs", flags, "size=4k,nr_inodes=4,mode=0555"); err != nil {
		return fmt.Errorf("mounting the wrapper: %w", err)
	}
	if err := os.Mkdir(detachedPlace, 0o555); err != nil {
		return err
	}
	if err := unix.Mount("", wrapperDir, "", unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making the wrapper private: %w", err)
	}
	if err := unix.Mount("", wrapperDir, "", flags|unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		return fmt.Errorf("making the wrapper read-only: %w", err)
	}
	return nil
}

// detach turns the wrapper, with the copy in it, into a tree of its own and
// empties the wrapper. It returns the path of the copy in the gofer's root.
func detach() (string, error) {
	tree, err := unix.OpenTree(unix.AT_FDCWD, wrapperDir, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
	if err != nil {
		return "", fmt.Errorf("detaching the tree: %w", err)
	}
	defer unix.Close(tree)
	if err := unix.Unmount(detachedPlace, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil {
		return "", fmt.Errorf("emptying the wrapper: %w", err)
	}
	// While the FD of open_tree(2) is open, the tree is in an anonymous mount
	// namespace. Whoever has a directory in it reaches its root by "..", and
	// may move it and change its flags after unshare(2) of a user and a mount
	// namespace. The kernel unmounts it, in one piece, when that FD is closed;
	// another FD keeps it usable for paths.
	fd, err := unix.Openat(tree, ".", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", fmt.Errorf("opening the tree: %w", err)
	}
	return fmt.Sprintf("/%s/%d/%s", linksName, fd, copyName), nil
}

// treeFD returns the FD of the detached tree that a served path leads through.
func treeFD(served string) (int, bool) {
	f := strings.Split(served, "/")
	if len(f) != 4 || f[1] != linksName {
		return -1, false
	}
	fd, err := strconv.Atoi(f[2])
	return fd, err == nil
}

// source is a connection's mount, in its place.
type source struct {
	connection
	fd        int // O_PATH
	mountID   uint64
	directory bool
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
		rel := "." + c.path
		fd, err := unix.Openat2(rootFD, rel, &how)
		if err != nil {
			return ss, fmt.Errorf("opening mount %q: %w", c.path, needsKernel(err, "5.6"))
		}
		ss = append(ss, source{connection: c, fd: fd})
		var st unix.Statx_t
		if err := unix.Statx(fd, "", unix.AT_EMPTY_PATH, unix.STATX_TYPE|unix.STATX_MNT_ID, &st); err != nil {
			return ss, fmt.Errorf("looking at mount %q: %w", c.path, err)
		}
		if st.Mask&unix.STATX_MNT_ID == 0 {
			return ss, fmt.Errorf("looking at mount %q: %w", c.path, needsKernel(unix.ENOSYS, "5.8"))
		}
		s := &ss[len(ss)-1]
		s.mountID = st.Mnt_id
		s.directory = st.Mode&unix.S_IFMT == unix.S_IFDIR
	}
	return ss, nil
}

func (ss sources) close() {
	for _, s := range ss {
		unix.Close(s.fd)
	}
}

// copyTo copies a mount, with everything below it but the container's other
// mounts, to a place. Where the mount is read-only, so is all of the copy.
func (ss sources) copyTo(place string, i int) error {
	s := ss[i]
	fd, err := unix.OpenTree(s.fd, "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH|unix.AT_RECURSIVE)
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
	if below := ss.below(i); len(below) > 0 {
		return removeCopies(place, below)
	}
	return nil
}

// below returns the IDs of the container's other mounts whose place is below
// that of ss[i].
func (ss sources) below(i int) []uint64 {
	prefix := strings.TrimSuffix(ss[i].path, "/") + "/"
	var ids []uint64
	for _, s := range ss {
		if strings.HasPrefix(s.path, prefix) && s.path != ss[i].path && !s.device {
			ids = append(ids, s.mountID)
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
