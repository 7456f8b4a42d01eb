// Package engine translates a directfspolicy.Plan into the vocabulary of the
// gVisor module and back. It is the only package that knows both: its hint
// annotations, its mount options, its configuration and its filter options are
// named nowhere else.
//
// The engine decides directfs by one configuration switch per container, which
// a mount hint can suppress (runsc/boot/vfs.go:418). A Plan is lowered onto
// that in three steps:
//
//   - The switch of a sandbox's first container says whether the sandbox is
//     raised; that of a joining container says what its rootfs uses.
//   - The spec that the sandbox process reads carries one static hint for each
//     pair of access and cache mode, under a source of its own.
//   - In the mount list that the gofer of a sandbox's first container sends, each
//     mount that it serves has the source of its decision's hint. In that of a
//     joining container, a mount has it only where its decision differs from
//     what the switch gives.
//
// Nothing of this is in the bundle or in the container's stored spec, where
// the engine would act upon it in other ways.
package engine
