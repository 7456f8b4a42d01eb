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

// What a hook says of a connection of its own is not about the sandbox process,
// which the engine has killed.
func TestLostSandbox(t *testing.T) {
	for err, want := range map[string]bool{
		"creating container: cannot create sandbox: cannot read client sync file: waiting for sandbox to start: EOF":                                           true,
		`starting container: starting root container: calling method "containerManager.StartRoot" failed: EOF`:                                                 true,
		`connecting to control server at PID 7: connect: connection refused`:                                                                                   true,
		"creating container: failure executing hook \"/bin/plugin\", err: exit status 1\nstdout: \nstderr: dial tcp 127.0.0.1:80: connect: connection refused": false,
		"creating container: no such file or directory":                                                                                                        false,
	} {
		if got := lostSandbox(err); got != want {
			t.Errorf("%q: %t", err, got)
		}
	}
}

func TestWithoutGoneFilestores(t *testing.T) {
	const gone = `failed to delete filestore file "/r/.gvisor.filestore.a": remove /r/.gvisor.filestore.a: no such file or directory`
	const denied = `failed to delete filestore file "/r/.gvisor.filestore.a": remove /r/.gvisor.filestore.a: permission denied`
	const other = "stopping container: x: no such file or directory"
	for text, want := range map[string]string{
		"": "", gone: "", gone + "\n" + gone: "", denied: denied, other: other,
		gone + "\n" + other: other, other + "\n" + gone + "\n" + denied: other + "\n" + denied,
	} {
		var err error
		if text != "" {
			err = errors.New(text)
		}
		got := ""
		if err := withoutGoneFilestores(err); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
