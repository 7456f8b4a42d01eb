// Package volume serves a container's mount from anything: an archive, a
// generated tree, an object store. A backend implements [Volume], or [Writable],
// or calls [FromFS], and imports nothing else.
//
// A backend either runs in the gofer process ([Backend]) or in a daemon of its
// own ([Serve]). Both speak LisaFS with the sandbox, whose rules this package
// keeps for the backend: inode numbers, types that never change, errno values,
// timeouts, panics, limits. Directfs is possible where the volume is a directory
// of the host ([RootDonor]).
package volume
