package directfspolicy

import (
	"errors"
	"fmt"
	"strings"
)

// The reasons for which a request is refused. Match them with errors.Is.
var (
	// ErrInvalidValue: the value of a hint is none of AllowedValues.
	ErrInvalidValue = errors.New("invalid value")

	// ErrConflict: two hints for one mount differ.
	ErrConflict = errors.New("contradicts another hint for the same mount")

	// ErrNoSource: a hint has no way to find its mount.
	ErrNoSource = errors.New("hint names no mount source")

	// ErrNoMount: a hint matches no mount of a standalone container.
	ErrNoMount = errors.New("hint matches no mount of this container")

	// ErrCannotDonate: directfs was asked for where the backend has no root FD.
	ErrCannotDonate = errors.New("backend cannot donate a root FD")

	// ErrNotGoferMount: directfs was asked for on a mount without a gofer.
	ErrNotGoferMount = errors.New("not a gofer mount")

	// ErrOverlay: a shared cache was asked for under an overlay.
	ErrOverlay = errors.New("an overlay over the mount does not look for changes below it")

	// ErrNotExclusive: an exclusive cache was asked for, and another mount of
	// the sandbox writes to the same files.
	ErrNotExclusive = errors.New("another mount changes the same files")

	// ErrMountOption: a mount option could smuggle in what the policy decides.
	ErrMountOption = errors.New("mount option not allowed")

	// ErrSandboxNotRaised: a joining container needs directfs and its sandbox
	// was started without the privileges for it.
	ErrSandboxNotRaised = errors.New("sandbox was started without directfs privileges")

	// ErrSandboxReadOnly: a joining container needs directfs on a mount that it
	// writes, and its sandbox was started for reading only.
	ErrSandboxReadOnly = errors.New("sandbox was started with directfs privileges for reading only")

	// ErrNotAPod: a container wants to join a sandbox that is not a pod's.
	ErrNotAPod = errors.New("sandbox does not admit other containers")

	// ErrInvalidRequest: the request itself is malformed.
	ErrInvalidRequest = errors.New("invalid request")

	// ErrPlanVersion: an encoded Plan is of a version this package cannot read.
	ErrPlanVersion = errors.New("unsupported plan version")

	// ErrInvalidPlan: an encoded Plan does not parse or contradicts itself.
	ErrInvalidPlan = errors.New("invalid plan")
)

// HintError is a refusal that a user caused with one key and can mend there.
type HintError struct {
	// Key and Value are what the user wrote.
	Key, Value string

	// Mount is the destination of the mount, or empty if it is not known.
	Mount string

	// Allowed lists the values that would have been accepted.
	Allowed []string

	// Fix says what to do.
	Fix string

	// Err is one of this package's sentinels.
	Err error
}

// Error names the key, the value, the mount, what is allowed and what to do.
func (e *HintError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s=%q", e.Key, e.Value)
	if e.Mount != "" {
		fmt.Fprintf(&b, " (mount %q)", e.Mount)
	}
	fmt.Fprintf(&b, ": %v", e.Err)
	if len(e.Allowed) > 0 {
		fmt.Fprintf(&b, "; allowed: %s", strings.Join(e.Allowed, ", "))
	}
	if e.Fix != "" {
		fmt.Fprintf(&b, "; %s", e.Fix)
	}
	return b.String()
}

// Unwrap returns Err.
func (e *HintError) Unwrap() error { return e.Err }

// AdmitError says why a container cannot join a running sandbox.
type AdmitError struct {
	// Mount is the destination of the mount that does not fit, or empty.
	Mount string

	// Cause is the reason of that mount's decision, in words.
	Cause string

	// Fix says what to add to the pod.
	Fix string

	// Err is ErrSandboxNotRaised, ErrSandboxReadOnly or ErrNotAPod.
	Err error
}

// Error names the mount, what asked for directfs, and what to do.
func (e *AdmitError) Error() string {
	s := e.Err.Error()
	if e.Mount != "" {
		s = fmt.Sprintf("mount %q needs directfs (%s): %s", e.Mount, e.Cause, s)
	}
	return s + "; " + e.Fix
}

// Unwrap returns Err.
func (e *AdmitError) Unwrap() error { return e.Err }
