// Package verify is the command "runsc policy verify": it compares a running
// container with its stored Plan.
//
// Everything is looked at from where it takes effect: the mounts as the sentry
// shows them, the credentials and open directories as the host's kernel shows
// them (proc(5)), the seccomp filters as they were installed (ptrace(2)). What
// cannot be looked at is said to be not verifiable, and is never counted as
// right.
package verify
