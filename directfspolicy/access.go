package directfspolicy

// Access says who performs the host file system calls for one mount.
// The zero value is LisaFS: forgetting to decide never grants the sentry
// anything.
type Access uint8

const (
	// LisaFS sends every file operation to the gofer by RPC. The sandbox
	// process needs no file privileges for such a mount.
	LisaFS Access = iota

	// DirectFS lets the sentry open files itself, relative to a host FD of the
	// mount's root that the gofer donated over SCM_RIGHTS (unix(7)).
	DirectFS

	// NoAccess marks a mount that no gofer serves, such as tmpfs or proc, so
	// that neither of the others applies.
	NoAccess
)

var accessNames = enum[Access]{"access", []string{"lisafs", "directfs", "none"}}

// String returns "lisafs", "directfs" or "none".
func (a Access) String() string { return accessNames.name(a) }

// Backend says who serves a mount and whether it has a host directory whose FD
// it could hand over. The runtime knows it; users do not state it.
// The zero value, NoGofer, cannot donate.
type Backend uint8

const (
	// NoGofer is a mount that lives in the sentry: tmpfs, proc, EROFS, or an
	// emptyDir kept in memory.
	NoGofer Backend = iota

	// StockGofer serves a host directory or file and can donate its FD.
	StockGofer

	// VirtualGofer is a custom gofer without a host directory behind it, such
	// as a network-backed file system. It cannot donate.
	VirtualGofer

	// DonatingGofer is a custom gofer that can hand over a host FD.
	DonatingGofer
)

// served reports whether a gofer process serves the mount.
func (b Backend) served() bool { return b != NoGofer && b.known() }

// canDonate reports whether the backend has a root FD to hand over.
func (b Backend) canDonate() bool { return b == StockGofer || b == DonatingGofer }

func (b Backend) known() bool { return b <= DonatingGofer }

// String names the backend for people.
func (b Backend) String() string {
	switch b {
	case NoGofer:
		return "no gofer"
	case StockGofer:
		return "stock gofer"
	case VirtualGofer:
		return "virtual gofer"
	case DonatingGofer:
		return "donating gofer"
	}
	return "unknown backend"
}

// Scope says how a container relates to its sandbox.
// The zero value, Standalone, is the strictest: nothing is kept open for
// others and every hint must match.
type Scope uint8

const (
	// Standalone is a container that has its sandbox to itself.
	Standalone Scope = iota

	// PodSandbox is the first container of a pod. Others may join its sandbox
	// while it runs.
	PodSandbox

	// PodMember is a container that joins a running sandbox.
	PodMember
)

var scopeNames = enum[Scope]{"scope", []string{"standalone", "pod-sandbox", "pod-member"}}

// String returns "standalone", "pod-sandbox" or "pod-member".
func (s Scope) String() string { return scopeNames.name(s) }

// Cache says who else may change the files of a mount.
// The zero value is CacheShared, which is always right and never stale.
type Cache uint8

const (
	// CacheShared revalidates with the host: others may change the files.
	CacheShared Cache = iota

	// CacheExclusive trusts the sentry's cache: only this mount changes the
	// files. What others write may be seen late or never, and be overwritten.
	CacheExclusive
)

var cacheNames = enum[Cache]{"cache mode", []string{"shared", "exclusive"}}

// String returns "shared" or "exclusive".
func (c Cache) String() string { return cacheNames.name(c) }
