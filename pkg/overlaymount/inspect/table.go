package inspect

import (
	"cmp"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/directfs/runsc/pkg/overlaymount"
	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// table is the mount table (proc_pid_mountinfo(5)). Without one, nothing is known
// of mounts.
type table struct {
	mounts   []*mountinfo.Info
	byID     map[uint64]*mountinfo.Info
	children map[int][]*mountinfo.Info
}

func readTable(file string) *table {
	t := &table{byID: map[uint64]*mountinfo.Info{}, children: map[int][]*mountinfo.Info{}}
	f, err := os.Open(file)
	if err != nil {
		return t
	}
	defer f.Close()
	if t.mounts, err = mountinfo.GetMountsFromReader(f, nil); err != nil {
		return t
	}
	for _, m := range t.mounts {
		t.byID[uint64(m.ID)] = m
		if m.Parent != m.ID {
			t.children[m.Parent] = append(t.children[m.Parent], m)
		}
	}
	return t
}

// fromMount sets what the layer's mount says.
func (r *Reader) fromMount(d *overlaymount.Directory, fd int) {
	m := r.table.byID[d.MountID]
	if m == nil {
		var st unix.Statfs_t
		if unix.Fstatfs(fd, &st) == nil {
			d.Filesystem, d.ReadOnly = magics[int64(st.Type)], st.Flags&unix.ST_RDONLY != 0
		}
		return
	}
	d.Filesystem = m.FSType
	d.ReadOnly = hasOption(m.Options, "ro") || hasOption(m.VFSOptions, "ro")
	d.StackedOn = r.table.depth(fd, m)
	if len(r.table.children[m.ID]) == 0 {
		return
	}
	if name, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd)); err == nil {
		d.Submounts = r.table.below(m, name)
	}
}

// magics are the file systems that matter, by statfs(2)'s f_type.
var magics = map[int64]string{
	unix.BTRFS_SUPER_MAGIC:     "btrfs",
	unix.EROFS_SUPER_MAGIC_V1:  "erofs",
	unix.EXT4_SUPER_MAGIC:      "ext4",
	unix.FUSE_SUPER_MAGIC:      "fuse",
	unix.NFS_SUPER_MAGIC:       "nfs",
	unix.OVERLAYFS_SUPER_MAGIC: "overlay",
	unix.RAMFS_MAGIC:           "ramfs",
	unix.SQUASHFS_MAGIC:        "squashfs",
	unix.TMPFS_MAGIC:           "tmpfs",
	unix.XFS_SUPER_MAGIC:       "xfs",
	unix.ECRYPTFS_SUPER_MAGIC:  "ecryptfs",
	unix.F2FS_SUPER_MAGIC:      "f2fs",
	unix.V9FS_MAGIC:            "9p",
}

func hasOption(options, name string) bool {
	for o := range strings.SplitSeq(options, ",") {
		if o == name {
			return true
		}
	}
	return false
}

// below returns the paths of what is mounted on a directory of the mount, or on
// what is mounted there. What lies beneath the mount, hidden, is not among them.
func (t *table) below(m *mountinfo.Info, dir string) []string {
	var all []string
	for _, c := range t.children[m.ID] {
		if under(c.Mountpoint, dir) {
			all = append(all, c.Mountpoint)
			all = append(all, t.below(c, c.Mountpoint)...)
		}
	}
	return all
}

// under reports whether a path is below another one.
func under(name, dir string) bool {
	rest, ok := strings.CutPrefix(name, dir)
	return ok && rest != "" && (rest[0] == '/' || dir == "/")
}

// aliases are paths at which other mounts of the same file system may show the
// root of a bind mount, the one that shows most of what is above it first.
func (t *table) aliases(id uint64) []string {
	m := t.byID[id]
	if m == nil || m.Root == "/" {
		return nil
	}
	var others []*mountinfo.Info
	for _, o := range t.mounts {
		if o.Major == m.Major && o.Minor == m.Minor && under(m.Root, o.Root) {
			others = append(others, o)
		}
	}
	slices.SortStableFunc(others, func(a, b *mountinfo.Info) int { return cmp.Compare(len(a.Root), len(b.Root)) })
	var all []string
	for _, o := range others {
		all = append(all, path.Join(o.Mountpoint, strings.TrimPrefix(m.Root, o.Root)))
	}
	return all
}
