package statedir

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

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
	data, err := readFile(path(root, id, engineSuffix))
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

// putBack puts a state back that a client left half written, or the spec in it
// that was changed for the engine to read, and lets the container be started.
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
	engine, err := os.OpenFile(path(root, id, lockSuffix), os.O_RDWR, 0)
	if err == nil {
		defer engine.Close()
		if flock(engine, unix.LOCK_EX|unix.LOCK_NB) != nil {
			return nil // somebody writes it
		}
	}
	if err := restore(root, id, f); err != nil {
		return fmt.Errorf("restoring the state: %w", err)
	}
	if err := removeFilestores(root, id); err != nil {
		return fmt.Errorf("removing files behind overlays: %w", err)
	}
	return os.Remove(name)
}

func restore(root string, id ID, copied io.Reader) error {
	var saved, now map[string]json.RawMessage
	current, err := readFile(path(root, id, engineSuffix))
	if err != nil {
		return ignore(err, os.ErrNotExist)
	}
	savedErr, nowErr := json.NewDecoder(copied).Decode(&saved), json.Unmarshal(current, &now)
	switch {
	case savedErr != nil && nowErr != nil:
		return fmt.Errorf("its copy is cut short, too: %w", savedErr)
	case savedErr != nil:
		return nil // the client died before it began
	case nowErr != nil:
		now = saved
	case bytes.Equal(now["spec"], saved["spec"]):
		return nil
	}
	if spec, ok := saved["spec"]; ok {
		now["spec"] = spec
	}
	data, err := json.Marshal(now)
	if err != nil {
		return err
	}
	// In place: members of a pod have the file locked.
	return os.WriteFile(path(root, id, engineSuffix), data, 0o640)
}
