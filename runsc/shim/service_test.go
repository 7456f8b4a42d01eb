package main

import (
	"context"
	"errors"
	"strings"
	"testing"

	task "github.com/containerd/containerd/api/runtime/task/v2"
	"google.golang.org/protobuf/types/known/emptypb"
	"gvisor.dev/gvisor/pkg/shim/v1/extension"
)

var errOthers = errors.New("shim still servicing 1 containers")

// busy is a service with containers.
type busy struct{ extension.TaskServiceExt }

func (busy) Shutdown(context.Context, *task.ShutdownRequest) (*emptypb.Empty, error) {
	return nil, errOthers
}

func TestShutdownWhileOthersRun(t *testing.T) {
	s, err := extend(t.Context(), busy{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := s.Shutdown(t.Context(), nil); r == nil || !errors.Is(err, errOthers) {
		t.Errorf("got %v, %v", r, err)
	}
}

// Every container is prepared: with grouping, extend is called once.
func TestCreatePrepares(t *testing.T) {
	s := service{busy{}}
	for range 2 {
		_, err := s.Create(t.Context(), &task.CreateTaskRequest{ID: "c", Bundle: t.TempDir()})
		_, err2 := s.CreateWithFSRestore(t.Context(), &extension.CreateWithFSRestoreRequest{Create: &task.CreateTaskRequest{ID: "c", Bundle: t.TempDir()}})
		for _, err := range []error{err, err2} {
			if err == nil || !strings.Contains(err.Error(), `container "c": `) || !strings.Contains(err.Error(), "config.json") {
				t.Errorf("got %v", err)
			}
		}
	}
}
