package overlaymount

// attributeWords are the options of an OCI mount that are flags of the mount, or
// its propagation, and not for the file system. A word is one only where it is an
// element of the list by itself: runc/libcontainer/specconv/spec_linux.go, which
// hands everything else to the file system.
var attributeWords = words(
	"async", "atime", "defaults", "dev", "diratime", "dirsync", "exec", "iversion", "lazytime", "loud", "mand",
	"noatime", "nodev", "nodiratime", "noexec", "noiversion", "nolazytime", "nomand", "norelatime", "nostrictatime",
	"nosuid", "nosymfollow", "relatime", "remount", "ro", "rw", "silent", "strictatime", "suid", "symfollow", "sync",

	"rro", "rrw", "rnosuid", "rsuid", "rnodev", "rdev", "rnoexec", "rexec", "rnodiratime", "rdiratime", "rrelatime",
	"rnorelatime", "rnoatime", "ratime", "rstrictatime", "rnostrictatime", "rnosymfollow", "rsymfollow",

	"private", "rprivate", "shared", "rshared", "slave", "rslave", "unbindable", "runbindable",
)

// bindWords make a bind mount of any mount, whatever its type says.
var bindWords = words("bind", "rbind")

// superblockWords are options that the kernel reads before the file system gets
// them, with or without a value: common_set_sb_flag and common_clear_sb_flag in
// fs/fs_context.c. They mean the same as the mount's flags of that name.
var superblockWords = words("async", "dirsync", "lazytime", "mand", "nolazytime", "nomand", "ro", "rw", "sync")

func words(all ...string) map[string]bool {
	m := make(map[string]bool, len(all))
	for _, w := range all {
		m[w] = true
	}
	return m
}
