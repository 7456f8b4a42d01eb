package overlaymount

import "strings"

// Support says how a file system does as an upper layer of the kernel's overlay.
type Support uint8

const (
	// SupportUnknown is for whoever mounts to try out, with a scratch directory: a
	// file system can mount as upper and then fail to rename or to remove.
	SupportUnknown Support = iota
	// SupportGood has all that an upper layer needs.
	SupportGood
	// SupportBad lacks something: the kernel refuses it, or mounts it and breaks.
	SupportBad
)

// String implements fmt.Stringer.
func (s Support) String() string {
	switch s {
	case SupportGood:
		return "good"
	case SupportBad:
		return "bad"
	}
	return "unknown"
}

// goodUppers were tried out.
var goodUppers = words("ext4", "xfs", "btrfs", "tmpfs")

// badUppers are file systems without whiteouts (RENAME_WHITEOUT), without
// attributes, or that are never written: overlayfs.rst, "Upper and lower".
var badUppers = words(
	"overlay", "ramfs", "nfs", "nfs4", "cifs", "smb3", "fuse", "fuseblk",
	"squashfs", "erofs", "iso9660", "udf", "cramfs", "romfs",
	"proc", "sysfs", "cgroup", "cgroup2", "debugfs", "tracefs", "securityfs", "devpts", "mqueue", "bpf", "configfs",
	"hugetlbfs", "pstore", "efivarfs", "binfmt_misc", "fusectl", "nsfs", "selinuxfs", "autofs",
)

// badLayers cannot be a layer at all: their names do not compare byte by byte, or
// looking them up mounts something (ovl_dentry_weird, fs/overlayfs/util.c), or nothing
// may be stacked on them (proc_fill_super, fs/proc/root.c).
var badLayers = words("vfat", "msdos", "exfat", "hfs", "hfsplus", "autofs", "proc")

// UpperSupport says how a file system, named as in the mount table, does as the
// upper layer of the kernel's overlay.
func UpperSupport(filesystem string) Support {
	switch {
	case goodUppers[filesystem]:
		return SupportGood
	case badUppers[filesystem], badLayers[filesystem], strings.HasPrefix(filesystem, "fuse."):
		return SupportBad
	}
	return SupportUnknown
}
