package harness

import "context"

// Checkpoint saves the container into the directory. Unless flags say
// otherwise, it ends with that.
func (c *Container) Checkpoint(ctx context.Context, image string, flags ...string) error {
	args := append([]string{"checkpoint", "--image-path=" + image}, flags...)
	_, err := c.rt.must(ctx, append(args, c.ID)...)
	return err
}

// Restore creates and starts the container from a checkpoint in the directory.
func (r *Runtime) Restore(ctx context.Context, id string, b *Bundle, image string, flags ...string) (*Container, error) {
	c, err := r.launch(ctx, id, b, restoreArgs(id, b, image, flags)...)
	if err == nil {
		c.restored = true
	}
	return c, err
}

// RestoreInto restores a checkpoint into a container that was created, but not
// started, as containerd does.
func (c *Container) RestoreInto(ctx context.Context, image string, flags ...string) error {
	_, err := c.rt.must(ctx, restoreArgs(c.ID, c.Bundle, image, flags)...)
	c.restored = true
	return err
}

func restoreArgs(id string, b *Bundle, image string, flags []string) []string {
	args := append([]string{"restore", "--detach", "--bundle=" + b.Dir, "--image-path=" + image}, flags...)
	return append(args, id)
}
