package sandbox

import (
	"github.com/directfs/runsc/runsc/internal/engine"
	"github.com/directfs/runsc/runsc/internal/statedir"
)

// beginJournal notes what is about to be created, for who comes after a client
// that was killed.
func (c *creation) beginJournal() (err error) {
	c.journal, err = statedir.Begin(c.conf.RootDir, c.id, c.since, c.plan, c.spec, engine.Cgroups(c.conf, c.id.ContainerID, c.spec))
	if err == nil && len(c.cgroups) > 0 {
		err = c.journal.AddCgroups(c.cgroups)
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
