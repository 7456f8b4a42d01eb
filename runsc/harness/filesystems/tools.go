package filesystems

import (
	"errors"
	"fmt"
	"os/exec"
)

// tool is what makes a file system, and the package of Debian and Ubuntu that has
// it.
type tool struct{ name, pkg string }

var tools = map[Kind][]tool{
	Ext4:     {{"mkfs.ext4", "e2fsprogs"}, {"mount", "mount"}},
	XFS:      {{"mkfs.xfs", "xfsprogs"}, {"mount", "mount"}},
	Btrfs:    {{"mkfs.btrfs", "btrfs-progs"}, {"mount", "mount"}},
	Squashfs: {{"mksquashfs", "squashfs-tools"}, {"mount", "mount"}},
	EROFS:    {{"mkfs.erofs", "erofs-utils"}, {"mount", "mount"}},
	FUSE:     {{"bindfs", "bindfs"}},
}

// Missing says which tools are not there, and where they are from.
func Missing() error {
	var all []error
	for _, k := range Kinds {
		all = append(all, missing(k))
	}
	return errors.Join(all...)
}

func missing(kind Kind) error {
	var all []error
	for _, t := range tools[kind] {
		if _, err := exec.LookPath(t.name); err != nil {
			all = append(all, fmt.Errorf("%s is not in PATH, which makes %s for the tests; install the package %s", t.name, kind, t.pkg))
		}
	}
	return errors.Join(all...)
}
