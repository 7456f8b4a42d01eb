package blob

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"syscall"

	"gocloud.dev/gcerrors"
)

// StoreError is a request that the store did not do. It unwraps to what the
// application gets: the text of the store, and whatever a driver wraps, are for
// the log.
type StoreError struct {
	Request Request
	Key     string
	Errno   error // a syscall.Errno, or context.DeadlineExceeded, or context.Canceled
	Err     error
}

func (e *StoreError) Error() string {
	return fmt.Sprintf("%s of object %q: %v: %v", e.Request, e.Key, e.Errno, e.Err)
}

// Unwrap returns the errno only: a driver's error may wrap one of its own, such
// as ECONNREFUSED, that means nothing to who reads a file.
func (e *StoreError) Unwrap() error { return e.Errno }

// storeError returns nil for nil.
func (c *Config) storeError(r Request, key string, err error) error {
	if err == nil {
		return nil
	}
	if done := (*StoreError)(nil); errors.As(err, &done) || errors.Is(err, errShrunk) || errors.Is(err, errDiffers) {
		return err
	}
	return &StoreError{Request: r, Key: key, Errno: c.errnoOf(err), Err: err}
}

func (c *Config) errnoOf(err error) error {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return context.DeadlineExceeded
	case errors.Is(err, context.Canceled):
		return context.Canceled
	}
	status := http.StatusNotFound // if there is nothing better
	if c.Status != nil {
		status = c.Status(err)
	}
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return syscall.EACCES
	}
	switch gcerrors.Code(err) {
	case gcerrors.NotFound:
		if status != http.StatusNotFound {
			return syscall.EIO // it is not known whether there is an object
		}
		return syscall.ENOENT
	case gcerrors.PermissionDenied:
		return syscall.EACCES
	case gcerrors.FailedPrecondition, gcerrors.AlreadyExists:
		return syscall.ESTALE
	case gcerrors.DeadlineExceeded:
		return context.DeadlineExceeded
	case gcerrors.Canceled:
		return context.Canceled
	default:
		return syscall.EIO
	}
}

// isNotFound reports whether the store has no such object.
func isNotFound(err error) bool { return errors.Is(err, syscall.ENOENT) }

// ignoreNotFound returns nil for that.
func ignoreNotFound(err error) error {
	if isNotFound(err) {
		return nil
	}
	return err
}

// isConflict reports whether the store refused an upload because of a condition.
func isConflict(err error) bool { return errors.Is(err, syscall.ESTALE) }

// isFull reports whether the host's disk, or what is allowed of it, is full.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// replaced is changedError for an object that nobody has noticed yet.
func (s store) replaced(r Request, key string, want, got version) error {
	s.c.Observer.Conflict(key)
	return changedError(r, key, want, got)
}

func changedError(r Request, key string, want, got version) error {
	return &StoreError{r, key, syscall.ESTALE, fmt.Errorf("another writer replaced the object: "+
		"%d bytes of %v became %d bytes of %v", want.size, want.mod, got.size, got.mod)}
}
