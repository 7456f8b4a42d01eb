package volumed

import (
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	gcontext "gvisor.dev/gvisor/pkg/context"
)

// The service manager is told.
func TestNotify(t *testing.T) {
	dir := shortDir(t)
	path := filepath.Join(dir, "notify.sock")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	if err := manager.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	t.Setenv("NOTIFY_SOCKET", path)
	d := startDaemon(t, dir, "--volume", "a=mem://")
	for _, want := range []string{"READY=1", "STOPPING=1"} {
		text := make([]byte, 100)
		n, err := manager.Read(text)
		if err != nil || string(text[:n]) != want {
			t.Errorf("got %q, %v, want %q", text[:n], err, want)
		}
		if want == "READY=1" {
			d.stop()
		}
	}
}

// A daemon that stops while a mount is served ends it, and leaves nothing.
func TestStopWithMount(t *testing.T) {
	dir, objects := shortDir(t), t.TempDir()
	d := startDaemon(t, dir, "--config", writeConfig(t, dir,
		`{"drain": "1ms", "volumes": {"shelf": {"url": "file://%s"}}}`, objects))
	box := mount(t, d, "shelf", "box")
	defer box.Close()
	f, err := box.create("note", []byte("text"))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Flush(gcontext.Background()); err != nil {
		t.Fatal(err)
	}
	d.stop()
	if text, err := os.ReadFile(filepath.Join(objects, "note")); err != nil || string(text) != "text" {
		t.Errorf("in the store: %q, %v", text, err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "state", "volumes", "shelf", "*")); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
