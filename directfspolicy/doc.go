// Package directfspolicy decides, for every mount of a container, whether the
// sentry opens its files itself (directfs) or asks the gofer by RPC (LisaFS),
// and what follows from these decisions for the sandbox and the gofer.
//
// The package is pure: it reads no file, no environment and no clock, so the
// same [Request] gives the same [Plan] on every machine. It knows nothing of
// any container engine; package ociconfig of this module builds a Request from
// an OCI spec.
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
// # What follows
//
// The sandbox is raised if one of its mounts uses directfs or, in a pod, may
// still come to. Everything else in a Plan is derived from the decisions and
// that one bit; see [Plan].
//
// # Zero values
//
// A forgotten decision never grants anything: the zero [Access] is [LisaFS],
// the zero [Backend] cannot donate, the zero [Scope] is the strictest one and
// the zero Plan gives the sandbox no privilege.
package directfspolicy
