package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	containerd "github.com/containerd/containerd/v2/pkg/shim"
	"github.com/containerd/log"
)

// Stop implements containerd.Manager. containerd calls it, in the bundle, for a
// container whose shim has gone: killed, or ended by itself. gVisor's removes
// the container, but not the socket of a shim that was killed, which has not
// done so itself.
func (m manager) Stop(ctx context.Context, id string) (containerd.StopStatus, error) {
	status, err := m.Manager.Stop(ctx, id)
	if socketErr := removeSocket("."); socketErr != nil {
		// The container is gone, which is what containerd has asked for.
		log.G(ctx).WithError(socketErr).Warn("the socket of the shim is left")
	}
	return status, err
}

// removeSocket removes the socket of a bundle's shim, if nobody answers there:
// other containers of a group may still have theirs.
func removeSocket(bundle string) error {
	address, err := os.ReadFile(bundle + "/" + addressFile)
	if errors.Is(err, fs.ErrNotExist) || err == nil && containerd.CanConnect(string(address)) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := containerd.RemoveSocket(string(address)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", address, err)
	}
	return nil
}
