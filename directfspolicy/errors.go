package directfspolicy

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// The reasons for which a request is refused. Match them with errors.Is.
var (
	// ErrInvalidValue: the value of a hint is none that its knob allows.
	ErrInvalidValue = errors.New("invalid value")

	// ErrConflict: two hints for one mount differ.
	ErrConflict = errors.New("contradicts another hint for the same mount")

	// ErrNoMount: a hint matches no mount of a standalone container.
	ErrNoMount = errors.New("hint matches no mount of this container")

	// ErrCannotDonate: directfs was asked for where the backend has no root FD.
	ErrCannotDonate = errors.New("backend cannot donate a root FD")

	// ErrNotGoferMount: something that only a gofer can do was asked for on a
	// mount without one.
	ErrNotGoferMount = errors.New("not a gofer mount")

	// ErrUnknownGofer: a hint names a gofer whose backend is not registered, or
	// that nobody asked about.
	ErrUnknownGofer = errors.New("unknown gofer")

	// ErrReadOnlyVolume: a mount that is not read-only was asked to be served
	// from a volume that cannot be written.
	ErrReadOnlyVolume = errors.New("the volume is read-only, and the mount is not")

	// ErrPartOfVolume: a hint that names a gofer for a source is met by a mount
	// of something in that source, or of another name for it.
	ErrPartOfVolume = errors.New("the mount has files of the source of this hint, but another source")

	// ErrOverlay: a shared cache was asked for under an overlay.
	ErrOverlay = errors.New("an overlay over the mount does not look for changes below it")

	// ErrUpperCache: an exclusive cache was asked for, and the mount is the upper
	// layer of an overlay that the sentry makes. It maps a file that it has copied up
	// by the FD by which it wrote it, unless it looks at the host's again.
	ErrUpperCache = errors.New("the sandbox's overlay cannot read what it copied up from an upper layer that is cached exclusively")

	// ErrNotExclusive: an exclusive cache was asked for, and another mount of
	// the sandbox writes to the same files.
	ErrNotExclusive = errors.New("another mount changes the same files")

	// ErrCeiling: the operator does not let hints ask for this.
	ErrCeiling = errors.New("not permitted by --directfs-hints")

	// ErrSandboxNotRaised: a joining container needs directfs and its sandbox
	// was started without the privileges for it, or with those for reading
	// alone where the container writes.
	ErrSandboxNotRaised = errors.New("sandbox was started without directfs privileges")

	// ErrInvalidRequest: the request itself is malformed.
	ErrInvalidRequest = errors.New("invalid request")

	// ErrPlanVersion: an encoded Plan is of a version this package cannot read.
	ErrPlanVersion = errors.New("unsupported plan version")

	// ErrInvalidPlan: an encoded Plan does not parse or contradicts itself.
	ErrInvalidPlan = errors.New("invalid plan")
)

// HintError is a refusal that a user caused with one key and can fix there.
type HintError struct {
	// Key and Value are what the user wrote.
	Key, Value string

	// Mount is the destination of the mount, or empty if it is not known.
	Mount string

	// Allowed lists the values that would have been accepted.
	Allowed []string

	// Fix says what to do.
	Fix string

	// Err says why; match it with errors.Is.
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
	return printable(b.String())
}

// printable escapes what a terminal would not show, in names that users chose.
func printable(s string) string {
	var b strings.Builder
	for _, r := range s {
		if strconv.IsPrint(r) {
			b.WriteRune(r)
		} else {
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		}
	}
	return b.String()
}

// Unwrap returns Err.
func (e *HintError) Unwrap() error { return e.Err }

// SharingError says that a mount has an exclusive cache by a hint, and another
// mount of the sandbox writes to the same files. It wraps ErrNotExclusive.
type SharingError struct {
	// Key is the hint's, Mount the destination, and Container the name of the
	// container that has them, or empty if all is in one.
	Key, Mount, Container string

	// Writer is the destination of the other mount, WriterContainer the name of
	// its container, and Source where the files are.
	Writer, WriterContainer string
	Source                  Source

	// SpecialFiles is set where the other mount is read-only but for the host's
	// FIFOs and devices, which the runtime lets it open.
	SpecialFiles bool

	// Both is set where the other mount has its cache mode by the same hint.
	Both bool
}

// Error names both mounts, and what can be done about either.
func (e *SharingError) Error() string { return printable(e.message()) }

func (e *SharingError) message() string {
	if e.Both {
		return fmt.Sprintf("%s=%q: %v: the hint is for mount %s and for mount %s, which writes to them (%v); allowed: shared, default; write one of these, or give a hint to one of the mounts alone",
			e.Key, Exclusive, ErrNotExclusive, e.name(e.Mount, e.Container), e.name(e.Writer, e.WriterContainer), e.Source)
	}
	fix := fmt.Sprintf("or make mount %s read-only", e.name(e.Writer, e.WriterContainer))
	if e.SpecialFiles {
		fix = "or do not let containers open the host's FIFOs and devices: apart from these, the other mount is read-only"
	}
	return fmt.Sprintf("%s=%q (mount %s): %v; mount %s writes to them (%v); allowed: shared, default; write one of these for mount %s, %s",
		e.Key, Exclusive, e.name(e.Mount, e.Container), ErrNotExclusive, e.name(e.Writer, e.WriterContainer), e.Source, e.name(e.Mount, e.Container), fix)
}

func (e *SharingError) name(mount, container string) string {
	if container == "" {
		return strconv.Quote(mount)
	}
	return fmt.Sprintf("%q of container %q", mount, container)
}

// Unwrap returns ErrNotExclusive.
func (e *SharingError) Unwrap() error { return ErrNotExclusive }

var (
	// errNotAPod is of an AdmitError that names no mount.
	errNotAPod = errors.New("sandbox does not admit other containers")

	// errNotRaisedToWrite: the sandbox was raised for reading alone.
	errNotRaisedToWrite = fmt.Errorf("%w for writing", ErrSandboxNotRaised)
)

// AdmitError says why a container cannot join a running sandbox.
type AdmitError struct {
	// Sandbox and Container are the scopes of the two. Where they do not fit,
	// one being no PodSandbox or the other no PodMember, Mount is empty.
	Sandbox, Container Scope

	// Mount is the destination of the mount that does not fit, and Why says
	// what asked for directfs.
	Mount string
	Why   Why

	// PodHint is what the pod as a whole could be given in place of the
	// container's own hint, filled in by a reader of hints that knows how they
	// are spelled.
	PodHint string

	// Err says why in a few words. Of a mount it is ErrSandboxNotRaised, or
	// wraps it.
	Err error
}

// Error names the mount, what asked for directfs, and what to do.
func (e *AdmitError) Error() string {
	if e.Mount == "" {
		return fmt.Sprintf("%v: only a %v can join, and only a %v can be joined; here a %v would join a %v", e.Err, PodMember, PodSandbox, e.Container, e.Sandbox)
	}
	return fmt.Sprintf("mount %q needs directfs (%v): %v; %s", e.Mount, e.Why, e.Err, e.fix())
}

func (e *AdmitError) fix() string {
	switch {
	case e.Why.reason == becauseFlagOn:
		return "create the pod's sandbox with --directfs=true as well, or set the mount's hint to off"
	case e.Why.podWide:
		return fmt.Sprintf("give the pod %s=on before its sandbox starts, or set the hint to off", e.Why.key)
	case e.PodHint != "":
		return fmt.Sprintf("give the pod %s before its sandbox starts, or set the hint to off", e.PodHint)
	}
	return "give the pod as a whole a hint for this mount before its sandbox starts, or set the hint to off"
}

// Unwrap returns Err.
func (e *AdmitError) Unwrap() error { return e.Err }

// Findings takes an error apart that joins several, such as Resolve's. Each of
// the list is one thing to fix, and each is there once. It is empty for nil.
func Findings(err error) []error {
	var all []error
	seen := map[string]bool{}
	for _, f := range flatten(err) {
		if text := f.Error(); !seen[text] {
			seen[text] = true
			all = append(all, f)
		}
	}
	return all
}

// join is errors.Join without what is said twice.
func join(errs ...error) error { return errors.Join(Findings(errors.Join(errs...))...) }

// flatten takes apart what errors.Join joined, and leaves errors alone that say
// more than what they wrap.
func flatten(err error) []error {
	e, ok := err.(interface{ Unwrap() []error })
	if !ok || errors.Join(e.Unwrap()...).Error() != err.Error() {
		return slices.DeleteFunc([]error{err}, func(e error) bool { return e == nil })
	}
	var all []error
	for _, one := range e.Unwrap() {
		all = append(all, flatten(one)...)
	}
	return all
}
