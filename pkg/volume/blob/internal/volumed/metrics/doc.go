// Package metrics counts what volumed's workers do, and serves the sums to
// Prometheus.
//
// A worker counts in a small file that it has mapped into its memory, one for
// each open volume, and keeps locked. The daemon reads these files when it is
// asked. When a worker ends, however it ends, its file is no longer locked: the
// daemon adds what is in it to its own sums and deletes it, so that no counter
// ever goes backwards while the daemon lives.
package metrics
