package statedir

import (
	"encoding/json"
	"os"
	"slices"

	"github.com/directfs/runsc/runsc/internal/engine"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"gvisor.dev/gvisor/runsc/container"
)

// state is what this package reads of the engine's state of a container.
type state struct {
	Spec   *specs.Spec      `json:"spec"`
	Status container.Status `json:"status"`
}

// readState does not wait for the engine's lock.
func readState(root string, id ID) (state, error) {
	s := state{}
	data, err := os.ReadFile(path(root, id, engineSuffix))
	if err == nil {
		err = json.Unmarshal(data, &s)
	}
	return s, err
}

// Filestores lists the files behind the overlays of a container that joined a
// sandbox, and of no other one there. The engine removes those that its state
// names; a client that was killed while it started the container has not saved
// them.
func Filestores(root string, id ID, spec *specs.Spec) ([]string, error) {
	if id.ContainerID == id.SandboxID || spec == nil {
		return nil, nil
	}
	all, err := names(root)
	if err != nil {
		return nil, err
	}
	files := engine.Files(root, id.SandboxID, spec)
	for _, name := range all {
		other, ok := parse(name, engineSuffix)
		if !ok || other.SandboxID != id.SandboxID || other == id {
			continue
		}
		s, err := readState(root, other)
		if err != nil {
			return nil, err
		}
		if s.Spec != nil {
			others := engine.Files(root, id.SandboxID, s.Spec)
			files = slices.DeleteFunc(files, func(f string) bool { return slices.Contains(others, f) })
		}
	}
	return files, nil
}

// removeFilestores removes what keeps a container from being started again: the
// engine makes the files behind its overlays, and finds them there. The
// container's state must be locked.
func removeFilestores(root string, id ID) error {
	s, err := readState(root, id)
	if err != nil {
		return ignore(err, os.ErrNotExist)
	}
	if s.Status != container.Created {
		return nil
	}
	files, err := Filestores(root, id, s.Spec)
	if err != nil {
		return err
	}
	return RemoveFiles(files)
}
