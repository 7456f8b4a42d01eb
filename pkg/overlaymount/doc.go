// Package overlaymount reads the options of an OCI mount of type overlay as the
// kernel's overlay file system reads them, and says beforehand what would be
// wrong with the mount: what the kernel refuses without a reason that a user
// gets to see, and what it mounts and then breaks.
//
// It is pure. What has to be known of the host is in [Facts], which package
// inspect collects. The kernel's document is
// Documentation/filesystems/overlayfs.rst, its parser fs/overlayfs/params.c.
package overlaymount
