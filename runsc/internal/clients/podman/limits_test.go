package podman

import (
	"strings"
	"testing"
)

// What podman does with a container's files, it does with those of the image.
func TestCommitSeesTheImageOnly(t *testing.T) {
	e := engine(t)
	id := e.Start(t, "sleep", "1000")
	e.Do(t, "exec", id, "touch", "/root/written")
	e.Do(t, "commit", "-q", id, "localhost/committed")
	if r := e.Ask("run", "--rm", "--network=none", "localhost/committed", "ls", "/root"); r.Code != 0 || r.Stdout != "" {
		t.Errorf("%+v", r)
	}
}

// With --overlay2=none the container's files are the engine's, but "cp" of a
// running container looks in the mount namespace of its process.
func TestWithoutOverlay(t *testing.T) {
	e := engine(t, "overlay2=none")
	id := e.Start(t, "sleep", "1000")
	e.Do(t, "exec", id, "touch", "/root/written")
	file := e.Write("x", "copied")
	if r := e.Ask("cp", file, id+":/root/copied"); r.Code != 125 || !strings.Contains(r.Stderr, "could not be found on container") {
		t.Errorf("%+v", r)
	}
	e.Do(t, "stop", "-t", "0", id)
	e.Do(t, "cp", file, id+":/root/copied")
	e.Do(t, "start", id)
	if out := e.Do(t, "exec", id, "ls", "/root"); out != "copied\nwritten" {
		t.Errorf("%q", out)
	}
}

func TestCheckpoint(t *testing.T) {
	e := engine(t)
	id := e.Start(t, "sleep", "1000")
	if r := e.Ask("container", "checkpoint", id); r.Code != 125 || !strings.Contains(r.Stderr, "configured runtime does not support checkpoint/restore") {
		t.Errorf("%+v", r)
	}
}
