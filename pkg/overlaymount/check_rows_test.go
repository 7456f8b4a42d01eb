package overlaymount

import "io/fs"

const writable = "lowerdir=/a:/b,upperdir=/u,workdir=/w"

// checks are the rows of what Check knows. A code with a "?" is a warning.
var checks = []struct {
	name    string
	options string
	facts   Facts
	driver  Driver
	want    string
	says    []string
}{
	{name: "all is well", options: writable, facts: dirs(nil)},
	{name: "all is well, read-only", options: "lowerdir=/a:/b", facts: dirs(nil)},
	{name: "all is well, rootless", options: writable, facts: inNamespace(dirs(nil))},
	{name: "all is well in the sentry", options: writable, facts: dirs(nil), driver: Sentry},
	{name: "nobody looked", options: writable},

	// The options alone.
	{name: "no layers", options: "index=off", want: "no-lower"},
	{name: "no lower", options: "upperdir=/u,workdir=/w", want: "no-lower", says: []string{"lowerdir", "is missing"}},
	{name: "only data", options: "datadir+=/d,upperdir=/u,workdir=/w", want: "no-lower", says: []string{"data-only"}},
	{name: "no work", options: "lowerdir=/a,upperdir=/u", want: "no-work", says: []string{"workdir", `mount of "/u"`}},
	{name: "one lower", options: "lowerdir=/a", want: "one-lower", says: []string{`"/a"`, "read-only bind"}},
	{name: "one lower and data", options: "lowerdir=/a::/d"},
	{name: "one lower and work", options: "lowerdir=/a,workdir=/w", want: "one-lower work-without-upper?"},
	{name: "work alone", options: "lowerdir=/a:/b,workdir=/w", want: "work-without-upper?", says: []string{"ignored", "read-only"}},
	{name: "typo", options: writable + ",xuserattrs", want: "unknown-option", says: []string{"xuserattrs", "did you mean userxattr?"}},
	{name: "comma in a path", options: "lowerdir=/a,x:/b,upperdir=/u,workdir=/w", want: "unknown-option", says: []string{"x:/b", `write \,`}},
	{name: "space before a name", options: writable + ", userxattr", want: "unknown-option", says: []string{`option " userxattr"`, "did you mean userxattr?"}},
	{name: "name with an escape sequence", options: writable + ",\x1bindex", want: "unknown-option", says: []string{`option "\x1bindex"`}},
	{name: "unknown", options: writable + ",context=system_u:object_r:t:s0,noacl"},
	{name: "bad value", options: writable + ",index=yes", want: "value", says: []string{"index=yes", "on, off"}},
	{name: "no value", options: writable + ",xino", want: "value", says: []string{"on, off, auto"}},
	{name: "empty value", options: writable + ",verity=", want: "value"},
	{name: "value of a flag", options: writable + ",userxattr=on", want: "value", says: []string{"write userxattr"}},

	// Pairs.
	{name: "metacopy without redirects", options: writable + ",metacopy=on,redirect_dir=off", want: "conflict", says: []string{"metacopy=on", "redirect_dir=off"}},
	{name: "metacopy and follow", options: writable + ",redirect_dir=follow,metacopy=on", want: "conflict"},
	{name: "metacopy and nofollow", options: "lowerdir=/a:/b,redirect_dir=nofollow,metacopy=on", want: "conflict"},
	{name: "metacopy and follow, read-only", options: "lowerdir=/a:/b,redirect_dir=follow,metacopy=on"},
	{name: "metacopy and redirects", options: writable + ",redirect_dir=on,metacopy=on"},
	{name: "the last counts", options: writable + ",redirect_dir=off,metacopy=on,redirect_dir=on"},
	{name: "export without index", options: writable + ",nfs_export=on,index=off", want: "conflict", says: []string{"nfs_export=on", "index=off"}},
	{name: "export without index, read-only", options: "lowerdir=/a:/b,nfs_export=on,index=off"},
	{name: "export without index, read-only, nofollow", options: "lowerdir=/a:/b,nfs_export=on,index=off,redirect_dir=nofollow", want: "conflict"},
	{name: "export and metacopy", options: writable + ",nfs_export=on,metacopy=on", want: "conflict"},
	{name: "export and metacopy, read-only", options: "lowerdir=/a:/b,nfs_export=on,metacopy=on"},
	{name: "userxattr and redirects", options: writable + ",userxattr,redirect_dir=on", want: "conflict"},
	{name: "userxattr and follow", options: writable + ",userxattr,redirect_dir=follow", want: "conflict"},
	{name: "userxattr and off", options: writable + ",userxattr,redirect_dir=off", want: "conflict?", says: []string{"nofollow"}},
	{name: "userxattr and nofollow", options: writable + ",userxattr,redirect_dir=nofollow"},
	{name: "userxattr and metacopy", options: writable + ",userxattr,metacopy=on", want: "conflict"},
	{name: "userxattr and verity", options: writable + ",userxattr,verity=require", want: "conflict?"},
	{name: "userxattr and no verity", options: writable + ",userxattr,verity=off"},
	{name: "redirects in a user namespace", options: writable + ",redirect_dir=on", facts: Facts{UserNamespace: true}, want: "conflict", says: []string{"user namespace"}},
	{name: "metacopy in a user namespace", options: writable + ",metacopy=on", facts: Facts{UserNamespace: true}, want: "conflict"},

	// What is at the paths.
	{
		name: "no overlay", options: writable, want: "no-overlay", says: []string{"no such device", "gvisor.overlay=sentry"},
		facts: Facts{Known: true, NoOverlay: "the kernel has no overlay: no such device"},
	},
	{name: "no overlay, but the sentry's", options: writable, facts: Facts{Known: true, NoOverlay: "no such device"}, driver: Sentry},
	{
		name: "missing", options: writable, facts: dirs(edit{"/b": func(d *Directory) { *d = Directory{Err: fs.ErrNotExist} }}),
		want: "layer", says: []string{"lowerdir", `"/b"`, "not exist", "symbolic links"},
	},
	{
		name: "unreadable work alone", options: "lowerdir=/a:/b,workdir=/w", want: "layer work-without-upper?",
		facts: dirs(edit{"/w": func(d *Directory) { *d = Directory{Err: fs.ErrPermission} }}),
	},
	{name: "file", options: writable, facts: dirs(edit{"/u": func(d *Directory) { d.IsDirectory = false }}), want: "not-a-directory", says: []string{`upperdir "/u"`}},
	{name: "upper on overlay", options: writable, facts: filesystem("/u", "overlay"), want: "upper-filesystem", says: []string{"another volume"}},
	{name: "upper on overlay, in the sentry", options: writable, facts: filesystem("/u", "overlay"), driver: Sentry, want: "upper-filesystem", says: []string{"whiteouts"}},
	{name: "lower on overlay, in the sentry", options: writable, facts: filesystem("/a", "overlay"), driver: Sentry},
	{name: "ignored work on overlay", options: "lowerdir=/a:/b,workdir=/w", facts: filesystem("/w", "overlay"), want: "upper-filesystem work-without-upper?"},
	{name: "upper on ramfs", options: writable, facts: filesystem("/u", "ramfs"), want: "upper-filesystem"},
	{name: "upper on ramfs, in the sentry", options: writable, facts: filesystem("/u", "ramfs"), driver: Sentry, want: "upper-filesystem", says: []string{"attributes"}},
	{name: "upper on FUSE", options: writable, facts: filesystem("/u", "fuse.sshfs"), want: "upper-filesystem", says: []string{"gvisor.overlay=sentry"}},
	{name: "upper on FUSE, in the sentry", options: writable, facts: filesystem("/u", "fuse.sshfs"), driver: Sentry},
	{name: "upper on NFS", options: writable, facts: filesystem("/u", "nfs4"), want: "upper-filesystem"},
	{name: "upper on sysfs", options: writable, facts: filesystem("/u", "sysfs"), want: "upper-filesystem"},
	{name: "lower on proc", options: writable, facts: filesystem("/a", "proc"), want: "filesystem"},
	{name: "upper on what nobody tried", options: writable, facts: filesystem("/u", "virtiofs")},
	{name: "lower on erofs", options: writable, facts: filesystem("/a", "erofs")},
	{name: "lower on FUSE", options: writable, facts: filesystem("/a", "fuse.sshfs")},
	{name: "lower on vfat", options: writable, facts: filesystem("/a", "vfat"), want: "filesystem"},
	{name: "lower on overlay", options: writable, facts: dirs(edit{"/a": func(d *Directory) { d.Filesystem, d.StackedOn = "overlay", 1 }})},
	{name: "too deep", options: writable, facts: dirs(edit{"/b": func(d *Directory) { d.StackedOn = 2 }}), want: "depth", says: []string{`"/b"`}},
	{name: "too deep data", options: "lowerdir=/a::/b", facts: dirs(edit{"/b": func(d *Directory) { d.StackedOn = 2 }}), want: "depth"},
	{name: "not too deep for the sentry", options: writable, facts: dirs(edit{"/b": func(d *Directory) { d.StackedOn = 2 }}), driver: Sentry},
	{name: "read-only upper", options: writable, facts: dirs(edit{"/u": func(d *Directory) { d.ReadOnly = true }}), want: "read-only", says: []string{"read-only overlay"}},
	{name: "read-only upper in the sentry", options: writable, facts: dirs(edit{"/u": func(d *Directory) { d.ReadOnly = true }}), driver: Sentry, want: "read-only"},
	{name: "read-only work, ignored", options: "lowerdir=/a:/b,workdir=/w", facts: dirs(edit{"/w": func(d *Directory) { d.ReadOnly = true }}), want: "read-only work-without-upper?"},
	{name: "read-only lower", options: writable, facts: dirs(edit{"/a": func(d *Directory) { d.ReadOnly, d.Writable = true, false }})},
	{name: "work of somebody else", options: writable, facts: dirs(edit{"/w": func(d *Directory) { d.Writable = false }}), want: "read-only", says: []string{"workdir", "whoever mounts"}},
	{name: "work on another mount", options: writable, facts: dirs(edit{"/w": func(d *Directory) { d.MountID = 8 }}), want: "different-mounts", says: []string{`"/w"`, `upperdir "/u"`}},
	{name: "work on another mount in the sentry", options: writable, facts: dirs(edit{"/w": func(d *Directory) { d.MountID = 8 }}), driver: Sentry},
	{name: "ignored work on another mount", options: "lowerdir=/a:/b,workdir=/w", facts: dirs(edit{"/w": func(d *Directory) { d.MountID = 8 }}), want: "work-without-upper?"},

	// Twice, and inside each other.
	{name: "lower twice", options: "lowerdir=/a:/b:/a", facts: dirs(nil), want: "same-directory", says: []string{`lowerdir "/a": is named twice`}},
	{name: "nobody knows which directory", options: writable, facts: dirs(edit{
		"/a": func(d *Directory) { d.Identity = Identity{} }, "/b": func(d *Directory) { d.Identity = Identity{} },
		"/u": func(d *Directory) { d.Identity, d.MountID = Identity{}, 0 },
	})},
	{name: "lower twice by another path", options: "lowerdir=/a:/b", facts: dirs(edit{"/b": func(d *Directory) { d.Identity = at("/a") }}), want: "same-directory"},
	{name: "lower twice in the sentry", options: "lowerdir=/a:/b:/a", facts: dirs(nil), driver: Sentry, want: "same-directory"},
	{name: "upper is lower", options: "lowerdir=/a:/u,upperdir=/u,workdir=/w", facts: dirs(nil), want: "same-directory"},
	{name: "upper is lower in the sentry", options: "lowerdir=/a:/u,upperdir=/u,workdir=/w", facts: dirs(nil), driver: Sentry, want: "same-directory"},
	{name: "upper is work", options: "lowerdir=/a,upperdir=/u,workdir=/u", facts: dirs(nil), want: "same-directory"},
	{name: "work is lower, but ignored", options: "lowerdir=/a:/b,workdir=/a", facts: dirs(nil), want: "work-without-upper?"},
	{name: "work in upper", options: writable, facts: under("/w", "/u"), want: "nested", says: []string{`workdir "/w"`, `inside upperdir "/u"`}},
	{name: "upper in work", options: writable, facts: under("/u", "/w"), want: "nested", says: []string{`upperdir "/u": is inside workdir "/w"`}},
	{name: "upper in lower", options: writable, facts: under("/u", "/a"), want: "nested"},
	{name: "upper in lower, in the sentry", options: writable, facts: under("/u", "/a"), driver: Sentry, want: "nested"},
	{name: "lower in upper", options: writable, facts: under("/a", "/u"), want: "nested"},
	{name: "lower in lower", options: writable, facts: under("/a", "/b"), want: "nested"},
	{name: "work in lower", options: writable, facts: under("/w", "/a"), want: "nested"},
	{name: "upper on a mount in lower", options: writable, facts: dirs(edit{
		"/u": func(d *Directory) { d.Identity, d.Above = Identity{2, 9}, []Identity{{2, 2}, at("/a"), root} },
	})},

	// In use.
	{name: "locked upper", options: writable, facts: dirs(edit{"/u": func(d *Directory) { d.LockedBy = "container c1" }}), want: "in-use", says: []string{`upperdir "/u": is in use by container c1`}},
	{name: "locked lower", options: writable, facts: dirs(edit{"/a": func(d *Directory) { d.LockedBy = "container c1" }}), want: "in-use?", says: []string{"use a copy"}},
	{
		name: "locked and mounted twice is one finding", options: writable, want: "in-use in-use", says: []string{"by container c1", `at "/m"`, "a directory of its own"},
		facts: withMounted(dirs(edit{"/u": func(d *Directory) { d.LockedBy = "container c1" }}), Mounted{"/m", 0, at("/u"), at("/w")}, Mounted{"/n", 0, at("/u"), at("/w")}),
	},
	{name: "mounted, but gone", options: writable, facts: withMounted(dirs(edit{"/u": func(d *Directory) { d.Identity = Identity{} }}), Mounted{Mountpoint: "/m"})},
	{name: "mounted upper", options: writable, facts: withMounted(dirs(nil), Mounted{"/m", 0, at("/u"), Identity{1, 99}}), want: "in-use", says: []string{`is the upperdir of the overlay at "/m"`}},
	{name: "mounted upper of a container", options: writable, facts: withMounted(dirs(nil), Mounted{"/m", 42, at("/u"), Identity{}}), want: "in-use", says: []string{`"/m", which is mounted in the mount namespace of process 42`}},
	{name: "mounted work", options: writable, facts: withMounted(dirs(nil), Mounted{"/m", 0, Identity{1, 99}, at("/w")}), want: "in-use"},
	{name: "mounted work as upper", options: writable, facts: withMounted(dirs(nil), Mounted{"/m", 0, Identity{}, at("/u")}), want: "in-use"},
	{name: "in a mounted upper", options: writable, facts: withMounted(under("/u", "/d"), Mounted{"/m", 0, at("/d"), Identity{}}), want: "in-use"},
	{name: "mounted lower", options: writable, facts: withMounted(dirs(nil), Mounted{"/m", 0, at("/a"), Identity{}}), want: "in-use?"},
	{name: "mounted lower with index", options: writable + ",index=on", facts: withMounted(dirs(nil), Mounted{"/m", 0, at("/a"), Identity{}}), want: "in-use"},
	{name: "mounted elsewhere", options: writable, facts: withMounted(dirs(nil), Mounted{"/m", 0, at("/d"), Identity{}})},
	{name: "mounted upper in the sentry", options: writable, facts: withMounted(dirs(nil), Mounted{"/m", 0, at("/u"), Identity{}}), driver: Sentry, want: "in-use"},

	// Dialects and what was left behind.
	{name: "trusted upper, userxattr", options: writable + ",userxattr", facts: trusted("/u"), want: "dialect", says: []string{`"/u/x"`, "remove userxattr"}},
	{name: "trusted upper, rootless", options: writable, facts: inNamespace(trusted("/u")), want: "dialect", says: []string{"as root"}},
	{name: "trusted upper", options: writable, facts: trusted("/u")},
	{name: "trusted upper in the sentry", options: writable, facts: trusted("/u"), driver: Sentry, want: "dialect", says: []string{"host driver"}},
	{name: "trusted lower, userxattr", options: writable + ",userxattr", facts: trusted("/a"), want: "dialect"},
	{name: "user upper", options: writable, facts: user("/u"), want: "dialect", says: []string{"add userxattr"}},
	{name: "user upper, userxattr", options: writable + ",userxattr", facts: user("/u")},
	{name: "user upper, rootless", options: writable, facts: inNamespace(user("/u"))},
	{name: "user lower", options: writable, facts: user("/b"), want: "dialect"},
	{name: "user work", options: writable, facts: user("/w")},
	{name: "volatile left behind", options: writable, facts: dirs(edit{"/w": func(d *Directory) { d.Volatile = "/w/work/incompat/volatile" }}), want: "volatile", says: []string{"/w/work/incompat/volatile", "delete"}},
	{name: "partly looked at", options: writable, facts: dirs(edit{"/a": func(d *Directory) { d.Partly = true }})},
	{name: "partly looked at, sentry", options: writable, facts: dirs(edit{"/a": func(d *Directory) { d.Partly = true }}), driver: Sentry, want: "dialect?", says: []string{"too many directories"}},
	{name: "volume", options: writable, facts: dirs(edit{"/a": served}), want: "volume", says: []string{"blob/x", "gvisor.overlay=sentry"}},
	{name: "volume, nothing known", options: writable, facts: Facts{Layers: map[string]Directory{"/a": {Volume: "blob/x"}}}, want: "volume"},
	{name: "volume, sentry", options: writable, facts: dirs(edit{"/a": served}), driver: Sentry},
	{name: "volume as upper, sentry", options: writable, facts: dirs(edit{"/u": served}), driver: Sentry, want: "volume"},
	{name: "submounts", options: writable, facts: submounts("/a"), want: "submounts?", says: []string{`"/a/m"`}},
	{name: "submounts, rootless", options: writable, facts: inNamespace(submounts("/a")), want: "submounts"},
	{name: "submounts, rootless, sentry", options: writable, facts: inNamespace(submounts("/a")), driver: Sentry, want: "submounts"},
	{name: "submounts of work", options: writable, facts: submounts("/w")},
	{name: "submounts of work, rootless", options: writable, facts: inNamespace(submounts("/w")), want: "submounts"},
	{name: "submounts of work, rootless, sentry", options: writable, facts: inNamespace(submounts("/w")), driver: Sentry},

	// The sentry's options.
	{name: "sentry: what changes nothing", options: writable + ",userxattr,index=off,volatile,redirect_dir=nofollow,xino=auto,metacopy=off", driver: Sentry},
	{name: "sentry: index", options: writable + ",index=on", driver: Sentry, want: "sentry-option", says: []string{"index=on", "gvisor.overlay=host"}},
	{name: "sentry: redirects", options: writable + ",redirect_dir=follow", driver: Sentry, want: "sentry-option"},
	{name: "sentry: unknown", options: writable + ",odd", driver: Sentry, want: "sentry-option"},
	{name: "sentry: each option", options: writable + ",index=on,odd", driver: Sentry, want: "sentry-option sentry-option"},
	{name: "sentry: typo", options: writable + ",xuserattrs", driver: Sentry, want: "unknown-option"},
	{name: "sentry: bad value", options: writable + ",index=yes", driver: Sentry, want: "value"},
	{name: "sentry: data", options: "lowerdir=/a::/d", driver: Sentry, want: "sentry-option", says: []string{`"/d"`}},
	{name: "sentry: no work", options: "lowerdir=/a,upperdir=/u", driver: Sentry, want: "no-work"},
	{name: "all at once", options: "lowerdir=/a:/a,upperdir=/u,index=x", facts: trusted("/u"), driver: Sentry, want: "dialect no-work same-directory value"},
}
