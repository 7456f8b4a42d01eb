// Package kubepolicy says beforehand what becomes of the hints of a
// Kubernetes Pod: what the gVisor containerd shim makes of its annotations, and
// what directfspolicy then decides for each of its containers. All findings
// come at once.
//
// It makes the specs that the runtime will see and hands them to ociconfig, so
// that it decides nothing itself. It links no container engine and no
// Kubernetes package.
package kubepolicy
