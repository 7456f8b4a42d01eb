package statedir

import (
	"encoding/json"
	"errors"
	"os"
	"slices"

	"github.com/directfs/runsc/runsc/internal/engine"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"gvisor.dev/gvisor/runsc/container"
	"gvisor.dev/gvisor/runsc/sandbox"
)

// state is what this package reads of the engine's state of a container.
type state struct {
	Spec   *specs.Spec      `json:"spec"`
	Status container.Status `json:"status"`

	// GoferMountConfs is null until the container has been started.
	GoferMountConfs []json.RawMessage `json:"goferMountConfs"`

	Sandbox struct {
		MountHints json.RawMessage `json:"mountHints"`
	} `json:"sandbox"`
}

// readState does not wait for the engine's lock.
func readState(root string, id ID) (state, error) {
	s := state{}
	data, err := readFile(path(root, id, engineSuffix))
	if err == nil {
		err = json.Unmarshal(data, &s)
	}
	return s, err
}

// Status is a container's, by its state file. It does not wait for the engine's
// lock, which whoever starts the container has.
func Status(root string, id ID) (container.Status, error) {
	s, err := readState(root, id)
	return s.Status, err
}

// Sandbox returns the sandbox that a container was created for. It does not wait
// for the engine's lock either.
func Sandbox(root string, id ID) (*sandbox.Sandbox, error) {
	var s struct {
		Sandbox *sandbox.Sandbox `json:"sandbox"`
	}
	data, err := readFile(path(root, id, engineSuffix))
	if err == nil {
		err = json.Unmarshal(data, &s)
	}
	if err == nil && s.Sandbox == nil {
		err = errors.New("the container has no sandbox")
	}
	return s.Sandbox, err
}

// Filestores are the files behind the overlays of a container that the engine
// does not know of.
type Filestores struct{ files, others []string }

// FindFilestores finds those of a container that joined a sandbox and was not
// started. The engine removes those that its state names; a client that was
// killed, or failed, while it started the container has not saved them.
func FindFilestores(root string, id ID) (Filestores, error) {
	if id.ContainerID == id.SandboxID {
		return Filestores{}, nil
	}
	s, err := readState(root, id)
	if err != nil || s.Spec == nil || s.GoferMountConfs != nil {
		return Filestores{}, ignore(err, os.ErrNotExist)
	}
	shared, err := engine.SharedFiles(id.SandboxID, s.Sandbox.MountHints)
	if err != nil {
		return Filestores{}, err
	}
	all, err := List(root, id.SandboxID)
	if err != nil {
		return Filestores{}, err
	}
	found := Filestores{files: engine.Files(root, id.SandboxID, s.Spec), others: shared}
	for _, other := range all {
		if other == id {
			continue
		}
		s, err := readState(root, other)
		if err != nil {
			return Filestores{}, err
		}
		if s.Spec != nil {
			found.others = append(found.others, engine.Files(root, id.SandboxID, s.Spec)...)
		}
	}
	return found, nil
}

// Remove removes the files, but none that is also another container's of the
// sandbox, whatever path leads there: the engine refuses to start a container
// for that, which then is deleted.
func (f Filestores) Remove() error {
	return removeFiles(slices.DeleteFunc(slices.Clone(f.files), func(file string) bool { return slices.Contains(f.others, file) }), f.others)
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
	found, err := FindFilestores(root, id)
	if err != nil {
		return err
	}
	return found.Remove()
}
