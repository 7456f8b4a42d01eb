// Package harness runs containers for the end-to-end tests and looks at them
// from the host.
//
// A test builds a [Bundle], runs it with a [Runtime] and compares what the
// guest saw (package report) with what the host sees of the sandbox process:
// its credentials ([ReadStatus]), its user namespace ([UserNamespace]) and the
// directories that it holds open ([Bundle.Held]).
//
// Nothing here sleeps. Whatever has to be awaited ends a blocking call: a
// process that is reaped, a pipe that closes, a pidfd that becomes readable.
// Deadlines bound such calls, so that a hang becomes a failure.
package harness
