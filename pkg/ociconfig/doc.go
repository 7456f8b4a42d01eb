// Package ociconfig turns an OCI runtime spec and the runtime's flags into a
// directfspolicy.Request. It is the only reader of annotations, mount options
// and the flag; after it, the Plan is the only truth.
//
// It imports runtime-spec, directfspolicy and overlaymount alone, so a program can go from a
// bundle to a Plan without linking a container engine:
//
//	req, err := ociconfig.Request(spec, ociconfig.Options{Flag: true})
//	plan, err := directfspolicy.Resolve(req)
//
// # Keys
//
//	dev.gvisor.spec.mount.<NAME>.directfs   on, true, off, false or default
//	dev.gvisor.spec.mount.<NAME>.source     which mount <NAME> is
//	dev.gvisor.spec.rootfs.directfs         the same values, for the rootfs
//	directfs=<value>                        an option of the mount itself
//	dev.gvisor.spec.mount.<NAME>.cache      shared, exclusive or default
//	dev.gvisor.spec.rootfs.cache            the same values, for the rootfs
//	cache=<value>                           an option of the mount itself
//	dev.gvisor.spec.mount.<NAME>.gofer      BACKEND/VOLUME or default
//	dev.gvisor.spec.rootfs.gofer            the same values, for the rootfs
//	gofer=<value>                           an option of the mount itself
//	gvisor.overlay=<driver>                 host, sentry or auto: an option of a mount of type overlay
//	dev.gvisor.flag.directfs                the flag, where overrides are allowed
//
// source with one of directfs, cache and gofer is complete. The engine's other keys
// (type, share, options) keep the engine's meaning.
package ociconfig
