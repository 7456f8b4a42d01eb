package sandbox

import (
	"errors"
	"fmt"
	"time"
)

// watch stores the Plan as soon as the engine has created the container and its
// hooks have run, and lets its processes go. The engine's command may go on to
// start the container and wait for it.
func (c *creation) watch() error {
	const interval = 5 * time.Millisecond
	select {
	case <-c.stop:
		return c.settle()
	case <-c.started:
	}
	for tick := time.NewTicker(interval); ; {
		select {
		case <-c.stop:
			tick.Stop()
			return c.settle()
		case <-tick.C:
		}
		if c.journal.IsBusy() {
			continue
		}
		created, err := c.journal.Finish()
		if err != nil {
			return err
		}
		if created {
			c.children.Commit()
			tick.Stop()
			return nil
		}
	}
}

// settle is the last look, when the engine's command is done.
func (c *creation) settle() error {
	created, err := c.journal.Finish()
	if created {
		c.children.Commit()
	}
	if created && !c.reported() {
		err = errors.Join(err, errSilent)
	}
	return err
}

var errSilent = errors.New("its sandbox process did not report to the command that started it")

// reported is whether the sandbox process, if the command started one, said
// hello.
func (c *creation) reported() bool {
	select {
	case <-c.started:
		return true
	default:
		return c.children == nil
	}
}

func (c *creation) end() error {
	close(c.stop)
	if err := <-c.watched; err != nil {
		return fmt.Errorf("the container is not usable; delete it: %w", err)
	}
	return nil
}
