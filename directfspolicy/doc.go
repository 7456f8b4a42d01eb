// Package directfspolicy decides, for every mount of a container, whether the
// sentry opens its files itself (directfs) or asks the gofer by RPC (LisaFS),
// which of them it may cache, which gofer serves it, and what follows from these
// decisions for the sandbox and the gofer.
//
// The package is pure: it reads no file, no environment and no clock, so the
// same [Request] gives the same [Plan] on every machine. It knows nothing of
// any container engine, or of how hints are spelled; package ociconfig of this
// module builds a Request from an OCI spec.
//
// # The decision
//
//	flag           hint              backend can donate       access     reason
//	true           absent / default  yes                      directfs   flag
//	true           absent / default  no                       LisaFS     backend cannot donate a root FD
//	true or false  on                yes                      directfs   hint
//	true or false  on                no                       error      ErrCannotDonate
//	true or false  off               any                      LisaFS     hint
//	false          absent / default  any                      LisaFS     flag
//	any            on                not served by a gofer    error      ErrNotGoferMount
//	any            off / default     not served by a gofer    none       not a gofer mount
//
// # The cache mode
//
//	hint              mount                          cache
//	absent / default  any                            as the runtime does by default
//	shared            no overlay over it             shared
//	shared            under an overlay               ErrOverlay
//	exclusive         nobody else writes its files   exclusive
//	exclusive         another mount writes them too  ErrNotExclusive
//	exclusive         upper layer of the sentry's    ErrUpperCache
//	either            not served by a gofer          ErrNotGoferMount
//
// It does not depend on the access, and gives no process anything. The check for
// ErrNotExclusive looks at the other mounts of the container and, in
// [Plan.Coexist], at those of the other containers in its sandbox.
//
// # The gofer
//
//	hint               mount                   the backend says          gofer
//	absent / default   any                     not asked                 as the runtime has it
//	BACKEND/VOLUME     any                     not registered            ErrUnknownGofer
//	BACKEND/VOLUME     not served by a gofer   anything                  ErrNotGoferMount
//	BACKEND/VOLUME     any                     does not serve it         what it says
//	BACKEND/VOLUME     writes                  the volume is read-only   ErrReadOnlyVolume
//	BACKEND/VOLUME     any other               serves it                 that volume
//
// It is decided first: whether directfs is possible depends on whether the
// backend can donate the volume's root. The mount's source is then only a name,
// and its files are the volume's, which all mounts of the volume share.
//
// # Which hints count
//
// A mount's own hints count for it. A [SourceHint] counts for every mount, but
// not the rootfs, whose files are its [Source]'s or inside it, whatever path leads to them.
// One that names a gofer counts for mounts with the same source, word for word;
// other mounts of files that are there are refused. For a mount with such a gofer
// all source hints count in that way.
// All that count for one mount must agree. The [Ceiling] says which hints may
// count at all.
//
// # What follows
//
// The sandbox is raised if one of its mounts uses directfs or, in a pod, may
// still come to use it. The gofer gets the system calls that serving its mounts
// takes, and none for a volume that another process serves. A Plan keeps what was
// asked and decided; all else is derived by its methods, with the causes: see
// [Plan.Grants].
//
// # Zero values
//
// A forgotten decision never grants anything: the zero [Access] is [LisaFS],
// the zero [Backend] cannot donate, the zero [Scope] is the strictest one and
// the zero Plan gives the sandbox no privilege.
package directfspolicy
