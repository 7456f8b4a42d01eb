package sandbox

import (
	"errors"
	"fmt"
	"testing"

	"gvisor.dev/gvisor/pkg/urpc"
)

// A sandbox process that answers is no reason to wait for the end of a gofer,
// which serves on.
func TestPatienceWith(t *testing.T) {
	if got := patienceWith(fmt.Errorf("starting: %w", urpc.RemoteError{Message: "no such file"})); got != 0 {
		t.Errorf("the sandbox process says why: %v", got)
	}
	if got := patienceWith(errors.New("EOF")); got == 0 {
		t.Error("nobody says why")
	}
}
