package statedir

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/log"
)

// Sweep removes what clients that died left in the root directory, and what
// they had started. It costs a look at the directory's names where there is
// nothing to do. What it cannot remove is left to the next one, and logged: no
// command fails for it.
func Sweep(root string) {
	names, err := names(root)
	if err != nil {
		if !errors.Is(err, os.ErrNotExist) {
			log.Warningf("Looking for what was left in %q: %v", root, err)
		}
		return
	}
	for _, name := range names {
		if id, ok := parse(name, creatingSuffix); ok {
			logged(id, undo(root, id))
		}
	}
	for _, name := range names {
		if id, ok := parse(name, savedSuffix); ok {
			logged(id, putBack(root, id))
		}
	}
	there := map[ID]bool{}
	for _, name := range names {
		if id, ok := parse(name, engineSuffix); ok {
			there[id] = true
		}
	}
	for _, name := range names {
		if id, ok := parse(name, planSuffix); ok && !there[id] {
			logged(id, Forget(root, id))
		}
	}
	if slices.ContainsFunc(names, isTemporary) {
		removeTemporary(root)
	}
}

func isTemporary(name string) bool {
	return strings.HasPrefix(name, ".") && strings.Contains(name, planSuffix+".") && strings.HasSuffix(name, filepath.Ext(temporary))
}

// removeTemporary removes what was never written to its end. As long as the
// root directory is locked nobody writes.
func removeTemporary(root string) {
	unlock, err := lockRoot(root)
	if err != nil {
		return
	}
	defer unlock()
	all, err := names(root)
	if err != nil {
		return
	}
	for _, name := range slices.DeleteFunc(all, func(n string) bool { return !isTemporary(n) }) {
		_ = os.Remove(filepath.Join(root, name))
	}
}

func logged(id ID, err error) {
	if err != nil {
		log.Warningf("Removing what was left of container %q: %v", id.ContainerID, err)
	}
}

func names(root string) ([]string, error) {
	dir, err := os.Open(root)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	return dir.Readdirnames(-1)
}

// List returns the containers of a sandbox. The engine's own function takes a
// tenth of a second where there are 2000 of others.
func List(root, sandboxID string) ([]ID, error) {
	all, err := names(root)
	if err != nil {
		return nil, err
	}
	var ids []ID
	for _, name := range all {
		if id, ok := parse(name, engineSuffix); ok && id.SandboxID == sandboxID {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// undo removes a container whose client died while it created it.
func undo(root string, id ID) error {
	name := path(root, id, creatingSuffix)
	f, err := os.OpenFile(name, os.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if err := checkOwner(f); err != nil {
		return err
	}
	if dead, err := isDead(f, name); !dead {
		return err
	}
	// The Plan may be of another version.
	var r struct {
		record
		Plan json.RawMessage `json:"plan"`
	}
	err = json.NewDecoder(f).Decode(&r)
	if err == nil && r.Owner.PID == 0 {
		err = errors.New("it names no owner")
	}
	if err != nil {
		// The client died before it had started anything, or while it noted a
		// process that ends with it. A container that is there may be another's.
		log.Warningf("%s: %v", name, err)
		if there, err := exists(path(root, id, engineSuffix)); there || err != nil {
			return errors.Join(err, os.Remove(name))
		}
	}
	created, err := CreatedAt(root, id)
	if err == nil && created.Before(r.Started) {
		return os.Remove(name) // of another container
	}
	err = errors.Join(end(r.Processes), destroy(root, id), removeFiles(r.Files, nil), RemoveCgroups(r.Cgroups))
	if err != nil {
		return err
	}
	return errors.Join(os.Remove(name), Forget(root, id))
}

func ignore(err, harmless error) error {
	if errors.Is(err, harmless) {
		return nil
	}
	return err
}
