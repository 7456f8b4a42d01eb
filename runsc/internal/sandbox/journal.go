package sandbox

import (
	"fmt"
	"os"

	"github.com/directfs/runsc/runsc/internal/engine"
	"github.com/directfs/runsc/runsc/internal/statedir"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// beginJournal notes what is about to be created, for who comes after a client
// that was killed.
func (c *creation) beginJournal() (err error) {
	if !c.own { // one that is gone went with the container, and is not made again
		if err := os.MkdirAll(c.conf.RootDir, 0o711); err != nil {
			return fmt.Errorf("creating container root directory: %w", err)
		}
	}
	c.journal, err = statedir.Begin(c.conf.RootDir, c.id, c.since, c.plan, c.spec, engine.Cgroups(c.conf, c.id.ContainerID, c.spec))
	if err == nil && c.late {
		// The id was drawn for this container, and so the socket is its own.
		err = c.journal.AddMissed(c.cgroups, engine.Files(c.conf.RootDir, c.id.SandboxID, &specs.Spec{}))
	}
	return err
}

// abandon removes what the engine's command has left when it failed.
func (c *creation) abandon() error {
	if c.journal == nil {
		return statedir.RemoveCgroups(c.cgroups) // no process was started, or refused what it was for
	}
	return c.journal.Abandon()
}

func (c *creation) claimRoot() (err error) {
	if c.own {
		c.claim, err = statedir.Claim(c.conf.RootDir)
	}
	return err
}
