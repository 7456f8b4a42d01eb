package volume

import (
	"context"
	"errors"
	"log/slog"
	"os"
)

// MountOptions stands for the adapter's.
type MountOptions struct {
	Name     string
	ReadOnly bool
	Limits   Limits
	Logger   *slog.Logger
}

// Mount stands for the adapter's.
type Mount struct{}

// NewMount stands for the adapter's.
func NewMount(context.Context, Volume, MountOptions) (*Mount, error) {
	return nil, errors.New("there is no adapter")
}

// Serve stands for the adapter's.
func (*Mount) Serve(socket *os.File) error { return socket.Close() }
