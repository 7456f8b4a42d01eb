package inspect

import (
	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// maxDepth bounds the look for overlays below overlays. The kernel's own limit is
// two (include/linux/fs.h, FILESYSTEM_MAX_STACK_DEPTH).
const maxDepth = 4

// depth says how many overlays are below a file of the mount, its own included.
// The kernel shows that nowhere. Two things hint at it:
//
//   - A file handle of an overlay is made of one of its layer's, if all layers
//     have handles that can be decoded, which overlays have with nfs_export=on
//     only.
//   - The paths of its lower layers in the mount table. They are as the mounter
//     wrote them: relative (docker), of another namespace, or of the past. So they
//     count where they lead to another overlay now and the handle has no say.
//
// What is unknown counts as no overlay: the kernel refuses what is too deep, so
// that a wrong guess costs a good message and nothing else.
func (t *table) depth(fd int, m *mountinfo.Info) int {
	if m.FSType != overlayType {
		return 0
	}
	if depth, ok := depthOfHandle(fd); ok {
		return depth
	}
	return t.depthOfLowers(m, maxDepth)
}

// A handle of overlayfs (fs/overlayfs/overlayfs.h, struct ovl_fh): three bytes of
// padding, then version, magic, length, flags, and the type of the layer's handle.
const (
	overlayHandle     = 0xf8 // OVL_FILEID_V1
	overlayHandleType = 7    // where the type is
	atHandleFID       = 0x200
)

func depthOfHandle(fd int) (depth int, ok bool) {
	h, _, err := unix.NameToHandleAt(fd, "", unix.AT_EMPTY_PATH|atHandleFID)
	if err != nil || h.Type() != overlayHandle || h.Size() <= overlayHandleType {
		return 0, false // before Linux 6.6, or layers that have no handles
	}
	if h.Bytes()[overlayHandleType] == overlayHandle {
		return 2, true
	}
	return 1, true
}

func (t *table) depthOfLowers(m *mountinfo.Info, limit int) int {
	deepest := 0
	shown := Shown(m.VFSOptions)
	for _, name := range append(shown.Lower, shown.Data...) {
		if !Named(name) || limit == 0 {
			continue
		}
		at, _, err := lookAt(unix.AT_FDCWD, name, unix.AT_NO_AUTOMOUNT)
		if err != nil {
			continue
		}
		l := t.byID[at.mount]
		if l != nil && l.FSType == overlayType && (l.Major != m.Major || l.Minor != m.Minor) {
			deepest = max(deepest, t.depthOfLowers(l, limit-1))
		}
	}
	return deepest + 1
}
