package statedir

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/engine"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/runsc/container"
)

// planFile is the content of a .plan file.
type planFile struct {
	CreatedAt time.Time           `json:"createdAt"`
	Plan      directfspolicy.Plan `json:"plan"`

	// Processes are those that were started to create the container.
	Processes []process `json:"processes,omitempty"`
}

// LoadPlan returns the Plan that a container was created with. Errors are
// engine.ErrNoPlan, or wrap directfspolicy.ErrPlanVersion or ErrInvalidPlan.
func LoadPlan(c *container.Container) (directfspolicy.Plan, error) {
	// Between the first two the client can have stored the Plan.
	for _, read := range []func(string, ID) (json.RawMessage, time.Time, error){readPlan, readCreating, readPlan} {
		raw, created, err := read(c.Saver.RootDir, c.Saver.ID)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return directfspolicy.Plan{}, fmt.Errorf("stored plan: %w", err)
		}
		if !created.Equal(c.CreatedAt) {
			continue
		}
		var p directfspolicy.Plan
		if err := json.Unmarshal(raw, &p); err != nil {
			return directfspolicy.Plan{}, fmt.Errorf("stored plan: %w", err)
		}
		return p, nil
	}
	// Containers of earlier versions have it in an annotation.
	return engine.StoredPlan(c.Spec)
}

// readPlan reads a .plan file. The Plan is not decoded: one of another
// container is nobody's business.
func readPlan(root string, id ID) (json.RawMessage, time.Time, error) {
	var f struct {
		CreatedAt time.Time       `json:"createdAt"`
		Plan      json.RawMessage `json:"plan"`
	}
	data, err := readFile(path(root, id, planSuffix))
	if err != nil {
		return nil, time.Time{}, err
	}
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, time.Time{}, fmt.Errorf("%s: %w", path(root, id, planSuffix), err)
	}
	return f.Plan, f.CreatedAt, nil
}

// Forget removes the Plan of a container that is gone. It does nothing while
// there is a container of that id.
func Forget(root string, id ID) error {
	unlock, err := lockRoot(root)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unlock()
	return forget(root, id)
}

// forget is for who has locked the root directory.
func forget(root string, id ID) error {
	for _, suffix := range []string{engineSuffix, creatingSuffix} {
		if there, err := exists(path(root, id, suffix)); there || err != nil {
			return err
		}
	}
	err := os.Remove(path(root, id, planSuffix))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// readCreating reads the Plan of a container whose client has saved its state
// but has not stored the Plan, and is there.
func readCreating(root string, id ID) (json.RawMessage, time.Time, error) {
	f, err := os.OpenFile(path(root, id, creatingSuffix), os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, time.Time{}, err
	}
	defer f.Close()
	if err := flock(f, unix.LOCK_SH|unix.LOCK_NB); err != unix.EWOULDBLOCK {
		return nil, time.Time{}, os.ErrNotExist
	}
	var r struct {
		Plan json.RawMessage `json:"plan"`
	}
	if err := json.NewDecoder(f).Decode(&r); err != nil {
		return nil, time.Time{}, err
	}
	at, err := CreatedAt(root, id)
	if err != nil {
		return nil, time.Time{}, os.ErrNotExist
	}
	return r.Plan, at, nil
}
