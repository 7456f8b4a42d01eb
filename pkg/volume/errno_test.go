package volume

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestErrno(t *testing.T) {
	wrap := func(err error) error {
		return errors.Join(errors.New("other"), fmt.Errorf("a: %w", &fs.PathError{Op: "open", Path: "p", Err: err}))
	}
	for _, test := range []struct {
		name string
		err  error
		want unix.Errno
	}{
		{"number", syscall.ENOSPC, unix.ENOSPC},
		{"not exist", fs.ErrNotExist, unix.ENOENT},
		{"exist", fs.ErrExist, unix.EEXIST},
		{"permission", fs.ErrPermission, unix.EACCES},
		{"invalid", fs.ErrInvalid, unix.EINVAL},
		{"unsupported", errors.ErrUnsupported, unix.EOPNOTSUPP},
		{"deadline", context.DeadlineExceeded, unix.ETIMEDOUT},
		{"deadline of a file", os.ErrDeadlineExceeded, unix.ETIMEDOUT},
		{"cancelled", context.Canceled, unix.EIO},
		{"end of file", io.EOF, unix.EIO},
		{"unknown", errors.New("unknown"), unix.EIO},
		{"the sentry would wait", syscall.EAGAIN, unix.EBUSY},
		{"the sentry would restart", syscall.EINTR, unix.EIO},
		{"no number of Linux", syscall.Errno(512), unix.EIO},
		{"a gap in the numbers", syscall.Errno(41), unix.EIO},
		{"zero", syscall.Errno(0), unix.EIO},
		{"broken rule", broken("x"), unix.EIO},
		{"changed type", changedType(&node{}, 0), unix.ESTALE},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, err := range []error{test.err, wrap(test.err)} {
				if got := toErrno(err); got != test.want {
					t.Errorf("%v is %v, want %v", err, got, test.want)
				}
			}
		})
	}
}

// TestErrorsReachTheClient: a wrapped "not found" is one also where the engine
// compares with a bare ENOENT, and the log has the cause of what became EIO.
func TestErrorsReachTheClient(t *testing.T) {
	v := newFake()
	v.put("file", &fakeFile{})
	c := dial(t, v, MountOptions{})
	_, err := c.root.Walk(background, "missing")
	c.wantErrno("missing", err, unix.ENOENT)
	for _, test := range []struct {
		err   error
		want  unix.Errno
		cause string
	}{
		{fmt.Errorf("store: %w", syscall.EDQUOT), unix.EDQUOT, ""},
		{errors.New("the store said 500"), unix.EIO, "the store said 500"},
		{fmt.Errorf("store: %w", context.DeadlineExceeded), unix.ETIMEDOUT, "store: context deadline exceeded"},
	} {
		v.setHook(func(_ context.Context, call string, _ ID) error {
			if call == "lookup" {
				return test.err
			}
			return nil
		})
		_, err := c.root.Walk(background, "file")
		c.wantErrno("walk", err, test.want)
		_, err = c.root.WalkStat(background, []string{"file"})
		c.wantErrno("walk and stat", err, test.want)
		if test.cause != "" {
			c.wantLog(test.cause)
			c.wantLog("mount=/data")
		} else if c.log.String() != "" {
			t.Errorf("logged %s", c.log)
		}
	}
}
