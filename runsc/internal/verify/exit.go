package verify

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/engine"
	"golang.org/x/sys/unix"
)

// The exit statuses of the command. The engine exits with 128 where it cannot
// even call the command: for an unknown flag, or a bad configuration.
const (
	exitOK         = 0 // everything is as planned
	exitDiffers    = 1 // something is not
	exitUsage      = 2 // bad arguments
	exitUnknown    = 3 // no such container
	exitNotRunning = 4 // created but not started, stopped, or dead
	exitNoPlan     = 5 // the stored Plan is missing, damaged or of another version
	exitPermission = 6 // not root, or root without what it takes
	exitUnverified = 7 // something cannot be verified here, or the look at the container failed
)

// failure is an error with an exit status of its own.
type failure struct {
	status int
	err    error
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

func fail(status int, format string, args ...any) error {
	return &failure{status, fmt.Errorf(format, args...)}
}

// exitStatus returns the status for an error. One that nobody foresaw means
// that the container could not be verified.
func exitStatus(err error) int {
	var f *failure
	switch {
	case errors.As(err, &f):
		return f.status
	case errors.Is(err, engine.ErrNoPlan), errors.Is(err, directfspolicy.ErrPlanVersion), errors.Is(err, directfspolicy.ErrInvalidPlan):
		return exitNoPlan
	case errors.Is(err, fs.ErrPermission), errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return exitPermission
	}
	return exitUnverified
}
