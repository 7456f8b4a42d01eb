package statedir

import (
	"encoding/json"
	"fmt"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
	"github.com/directfs/runsc/pkg/overlaymount"
	"github.com/directfs/runsc/pkg/overlaymount/inspect"
)

// NameHolders makes what is known of an overlay's layers name the container that has
// a layer in use, where it is one of the root directory: the kernel knows only the
// process that took the lock, which was the container's client and is gone.
func NameHolders(root string, look ociconfig.LayersFunc) ociconfig.LayersFunc {
	return func(m overlaymount.Mount) overlaymount.Facts {
		facts := look(m)
		var all []holder
		for path, d := range facts.Layers {
			if d.LockedBy == "" {
				continue
			}
			if all == nil {
				all = holders(root)
			}
			for _, h := range all {
				if h.has(d.Identity) {
					d.LockedBy = fmt.Sprintf("container %q", h.id.ContainerID)
					facts.Layers[path] = d
				}
			}
		}
		return facts
	}
}

// holder is a container whose gofer holds locks.
type holder struct {
	root   string
	id     ID
	inodes map[uint64]bool
}

// holders looks at the gofers of all containers. One that cannot be looked at is none.
func holders(root string) (all []holder) {
	files, err := names(root)
	if err != nil {
		return nil
	}
	for _, name := range files {
		id, ok := parse(name, engineSuffix)
		if !ok {
			continue
		}
		var c struct {
			GoferPID int `json:"goferPid"`
		}
		data, err := readFile(path(root, id, engineSuffix))
		if err != nil || json.Unmarshal(data, &c) != nil || c.GoferPID <= 0 {
			continue
		}
		locks, err := inspect.HeldLocks(c.GoferPID)
		if err != nil || len(locks) == 0 {
			continue
		}
		h := holder{root, id, map[uint64]bool{}}
		for l := range locks {
			h.inodes[l.Inode] = true
		}
		all = append(all, h)
	}
	return all
}

// has reports whether the container's Plan has the directory, and its gofer holds
// the lock: another process may have the gofer's PID by now.
func (h holder) has(dir overlaymount.Identity) bool {
	if !h.inodes[dir.Inode] {
		return false
	}
	raw, _, err := readPlan(h.root, h.id)
	var p directfspolicy.Plan
	if err != nil || json.Unmarshal(raw, &p) != nil {
		return false
	}
	for _, d := range p.Decisions() {
		for _, s := range d.Locks() {
			if s.Device == dir.Device && s.Inode == dir.Inode {
				return true
			}
		}
	}
	return false
}
