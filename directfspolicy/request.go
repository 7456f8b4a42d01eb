package directfspolicy

// Mount is what is known of one mount before the decision.
type Mount struct {
	// Destination is the mount's identity: its absolute, cleaned path in the
	// container, in UTF-8.
	Destination string

	// Hints is everything that users said about this mount and nothing else,
	// about whatever knob. They must agree with each other, and with the
	// Request's source hints that count for the mount.
	Hints []Hint

	// Backend serves the mount.
	Backend Backend

	// BackendName names a custom backend in reasons and errors.
	BackendName string

	// Cache is the mount's cache mode where no hint asks for one.
	Cache Cache

	// SourceName is the mount's source as the spec has it: absolute and cleaned,
	// but not resolved. It is all that is used of the source of a mount that a
	// hint lets another gofer serve; see [SourceHint].
	SourceName string

	// Sources say where the mount's files are. The first is the mount's own;
	// the others are of what is mounted below it and comes with it. Nothing is
	// known of a mount that has none.
	Sources []Source

	// Union is set for a mount that is an overlay of layers: its Sources if the host
	// makes one tree of them, or else the mounts whose Layer says so.
	Union *Union
	Layer *Layer

	// Overlay is set where the runtime puts an overlay over the mount. An
	// overlay takes the files below it for immutable and does not look again.
	Overlay bool

	// ReadOnly is set where no write to this mount reaches the host: it is
	// mounted read-only, or an overlay above it takes the writes.
	ReadOnly bool

	// SpecialFiles is set where ReadOnly is not, and would be but for the host's
	// FIFOs and devices, which the container may open.
	SpecialFiles bool
}

// Container is what is known of a container beside its mounts.
type Container struct {
	// Flag is the sandbox-wide --directfs.
	Flag bool

	// Ceiling is the operator's limit on hints.
	Ceiling Ceiling

	// Scope says how the container relates to its sandbox.
	Scope Scope

	// HostNetwork is set where the sandbox uses the host's network stack. It
	// must then run in the user namespace that owns the network namespace,
	// raised or not.
	HostNetwork bool

	// HostDevices is set where this container's gofer serves host devices to
	// the device proxies of the sentry.
	HostDevices bool
}

// Request is everything that the policy looks at for one container.
type Request struct {
	Container

	// Rootfs is the container's root file system. Its Destination is "/" or
	// empty. Source hints do not count for it.
	Rootfs Mount

	// Mounts are the container's other mounts, in any order.
	Mounts []Mount

	// SourceHints are for the mounts that they match. One that matches no mount
	// may be meant for another container of the pod; in a standalone container
	// it is an error.
	SourceHints []SourceHint

	// Backends are those that the operator registered with the runtime; a hint
	// can name no other.
	Backends []string

	// Gofers is what the backends answer about the volumes that hints for the
	// mounts name. One that is not there is refused.
	Gofers map[GoferName]Gofer
}
