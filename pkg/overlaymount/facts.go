package overlaymount

// Facts are what the host says, as far as it was asked. Check says nothing about
// what is not in them.
type Facts struct {
	// Known is set where somebody looked at the host.
	Known bool

	// UserNamespace is set where whoever mounts is in a user namespace of its own:
	// the kernel then wants userxattr, and cannot read trusted attributes.
	UserNamespace bool

	// NoOverlay is why the kernel has no overlay file system for the mounter, or
	// empty.
	NoOverlay string

	// Layers has what is at each path of a layer.
	Layers map[string]Directory

	// Mounted are the overlays of the host's mount table that have an upper layer.
	Mounted []Mounted
}

// Directory is what is at the path of a layer.
type Directory struct {
	// Err is why nothing is known, as ENOENT, EACCES or ELOOP. The other fields
	// are zero then.
	Err error

	// Volume names what serves the layer in the place of a directory of the host. The
	// other fields are zero then as well.
	Volume string

	// Identity tells whether two paths lead to one directory. Above are the
	// identities of the directories above it, nearest first, across mounts: at the
	// root of a bind mount those above it in its file system come first, as far as
	// another mount shows them, and then those above the place of the mount.
	Identity Identity
	Above    []Identity

	// IsDirectory is what a layer has to be.
	IsDirectory bool

	// MountID is the mount's (statx(2), STATX_MNT_ID).
	MountID uint64

	// Filesystem is the type as the mount table has it, as "ext4" or "fuse.sshfs".
	Filesystem string

	// ReadOnly is set where the file system or the mount cannot be written.
	ReadOnly bool

	// StackedOn is how many overlays are below an overlay's files, itself included:
	// 0 for any other file system.
	StackedOn int

	// Submounts are the paths of what is mounted below the directory.
	Submounts []string

	// Trusted and User are the first paths, at the directory or in it, that carry
	// attributes of an overlay in one of the two dialects: trusted.overlay.* and
	// user.overlay.*. Empty: none was seen.
	Trusted, User string

	// Partly is set where the sentry's overlay is to have the layer and not all of its
	// directories were looked at for trusted.overlay.*: there are too many.
	Partly bool

	// Volatile is the directory, in the directory, that an overlay with the option
	// volatile makes and leaves behind, unmounted or not. Empty: there is none.
	Volatile string

	// Writable is set where the mounter may write in the directory.
	Writable bool

	// LockedBy says who holds a lock on the directory, as far as known. Empty:
	// nobody.
	LockedBy string
}

// Identity is a file's device and inode (stat(2)).
type Identity struct{ Device, Inode uint64 }

// Mounted is an overlay in the mount table.
type Mounted struct {
	// Mountpoint is where it is mounted, in the mount namespace of Process if that is
	// not 0.
	Mountpoint string
	Process    int

	// Upper and Work are what its options name, where they still lead to
	// directories.
	Upper, Work Identity
}
