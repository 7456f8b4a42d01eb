package main

import (
	"context"

	task "github.com/containerd/containerd/api/runtime/task/v2"
	"google.golang.org/protobuf/types/known/emptypb"
	"gvisor.dev/gvisor/pkg/shim/v1/extension"
)

// service is gVisor's task service, where it has to differ for containerd 2 or
// for this runtime.
type service struct{ extension.TaskServiceExt }

// extend is called when a container is created; with grouping, when the first one
// of a pod is.
func extend(_ context.Context, next extension.TaskServiceExt, _ *task.CreateTaskRequest) (extension.TaskServiceExt, error) {
	return service{next}, nil
}

// Create implements extension.TaskServiceExt.
func (s service) Create(ctx context.Context, r *task.CreateTaskRequest) (*task.CreateTaskResponse, error) {
	if err := prepare(r.ID, r.Bundle); err != nil {
		return nil, err
	}
	return s.TaskServiceExt.Create(ctx, r)
}

// CreateWithFSRestore implements extension.TaskServiceExt.
func (s service) CreateWithFSRestore(ctx context.Context, r *extension.CreateWithFSRestoreRequest) (*task.CreateTaskResponse, error) {
	if err := prepare(r.Create.ID, r.Create.Bundle); err != nil {
		return nil, err
	}
	return s.TaskServiceExt.CreateWithFSRestore(ctx, r)
}

// Shutdown implements extension.TaskServiceExt. While other containers are there,
// the error keeps the shim from ending, and the response is what containerd gets
// (pkg/shim/v1/service.go:309): gVisor's is none, which no message can be made
// of, so that the container would never be removed.
func (s service) Shutdown(ctx context.Context, r *task.ShutdownRequest) (*emptypb.Empty, error) {
	_, err := s.TaskServiceExt.Shutdown(ctx, r)
	return &emptypb.Empty{}, err
}
