package statedir

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// savedSuffix ends the name of the copy of a state file, while a client has the
// engine write that.
const savedSuffix = ".saved"

// Protect keeps a copy of a container's state until release is called. The
// engine cuts the file to nothing before it writes it anew
// (runsc/container/state_file.go), and without it nobody can delete the
// container. Of a client that dies meanwhile, Sweep puts the copy back.
func Protect(root string, id ID) (release func(), err error) {
	unlock, err := lockRoot(root)
	if err != nil {
		return nil, err
	}
	defer unlock()
	data, err := os.ReadFile(path(root, id, engineSuffix))
	if err != nil {
		return nil, err
	}
	name := path(root, id, savedSuffix)
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	if err := flock(f, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if err == unix.EWOULDBLOCK {
			return func() {}, nil // another client protects it
		}
		return nil, err
	}
	if err := errors.Join(f.Truncate(0), all(f.Write(data))); err != nil {
		return nil, errors.Join(err, os.Remove(name), f.Close())
	}
	return func() {
		if unlock, err := lockRoot(root); err == nil {
			defer unlock()
		}
		_ = os.Remove(name)
		f.Close()
	}, nil
}

func all(_ int, err error) error { return err }

// putBack puts a state back that a client left half written.
func putBack(root string, id ID) error {
	name := path(root, id, savedSuffix)
	f, err := os.OpenFile(name, os.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return ignore(err, os.ErrNotExist)
	}
	defer f.Close()
	if err := checkOwner(f); err != nil {
		return err
	}
	if dead, err := isDead(f, name); !dead {
		return err
	}
	engine, err := os.OpenFile(path(root, id, ".lock"), os.O_RDWR, 0)
	if err == nil {
		defer engine.Close()
		if flock(engine, unix.LOCK_EX|unix.LOCK_NB) != nil {
			return nil // somebody writes it
		}
	}
	var syntax *json.SyntaxError
	if _, err := CreatedAt(root, id); errors.As(err, &syntax) {
		data, err := io.ReadAll(f)
		if err == nil && !json.Valid(data) {
			err = fmt.Errorf("%s is cut short", strings.TrimPrefix(name, root))
		}
		if err == nil {
			// In place: members of a pod have the file locked.
			err = os.WriteFile(path(root, id, engineSuffix), data, 0o640)
		}
		if err != nil {
			return fmt.Errorf("restoring the state: %w", err)
		}
	}
	return os.Remove(name)
}
