package volumed

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/directfs/runsc/pkg/volume/blob/internal/s3test"
	"github.com/directfs/runsc/pkg/volume/blob/internal/stores"
	gocloud "gocloud.dev/blob"
	"golang.org/x/sys/unix"
	gcontext "gvisor.dev/gvisor/pkg/context"
	"gvisor.dev/gvisor/pkg/lisafs"
	"gvisor.dev/gvisor/pkg/unet"
)

// shortDir is for sockets, whose paths have 107 bytes at most.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "v-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func writeConfig(t *testing.T, dir, format string, args ...any) string {
	t.Helper()
	path := filepath.Join(dir, "config.json")
	if err := os.WriteFile(path, fmt.Appendf(nil, format, args...), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func bucket(t *testing.T, s *s3test.Server, url string) *gocloud.Bucket {
	t.Helper()
	l, err := stores.Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	store, err := stores.Open(t.Context(), l, stores.Credentials{EnvFile: s.EnvFile(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Bucket.Close() })
	return store.Bucket
}

// sandbox is the engine's client of a mount.
type sandbox struct {
	*lisafs.Client
	root lisafs.ClientFD
}

func mount(t *testing.T, d *runningDaemon, volume, name string) *sandbox {
	t.Helper()
	socket, err := unet.NewSocket(d.attach(request(volume, name)))
	if err != nil {
		t.Fatal(err)
	}
	c, root, _, err := lisafs.NewClient(socket)
	if err != nil {
		t.Fatal(err)
	}
	s := &sandbox{Client: c, root: c.NewFD(root.ControlFD)}
	return s
}

// create writes a file and leaves it open.
func (s *sandbox) create(name string, content []byte) (lisafs.ClientFD, error) {
	ctx := gcontext.Background()
	file, open, host, err := s.root.OpenCreateAt(ctx, name, unix.O_RDWR, 0o644, lisafs.UID(0), lisafs.GID(0))
	if err != nil {
		return lisafs.ClientFD{}, err
	}
	if host >= 0 {
		unix.Close(host)
	}
	_ = file
	f := s.NewFD(open)
	for len(content) > 0 {
		n, err := f.Write(ctx, content[:min(len(content), 1<<16)], 0)
		if err != nil {
			return f, err
		}
		content = content[n:]
	}
	return f, nil
}

// A container's file arrives in the store; what was counted stays when its
// worker has ended; nothing is left on disk.
func TestServe(t *testing.T) {
	s3 := s3test.Start(t)
	url := s3.Bucket(t, "shelf")
	dir := shortDir(t)
	d := startDaemon(t, dir, "--config", writeConfig(t, dir,
		`{"volumes": {"shelf": {"url": %q, "prefix": "home/", "env-file": %q}}}`, url, s3.EnvFile(t)))
	if err := d.ask(request("shelf", "box")); err != nil {
		t.Fatal(err)
	}
	// A change of the file counts when volumed starts again, not before.
	writeConfig(t, dir, "{}")

	box := mount(t, d, "shelf", "box")
	f, err := box.create("note", []byte("text"))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Flush(gcontext.Background()); err != nil {
		t.Fatal(err)
	}
	got, err := bucket(t, s3, url).ReadAll(t.Context(), "home/note")
	if err != nil || string(got) != "text" {
		t.Errorf("in the store: %q, %v", got, err)
	}
	if n := d.metric(`volumed_mounts{volume="shelf"}`); n != 1 {
		t.Errorf("%v mounts, want 1", n)
	}
	up := `volumed_transferred_bytes_total{direction="up",volume="shelf"}`
	if n := d.metric(up); n != 4 {
		t.Errorf("%v bytes up, want 4", n)
	}
	box.Close()
	d.await("worker ended")
	if n := d.metric(up); n != 4 {
		t.Errorf("%v bytes up when the worker has ended, want 4", n)
	}
	d.stop()
	if left, err := filepath.Glob(filepath.Join(dir, "state", "volumes", "shelf", "*")); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// A worker is killed while the store fails. The next daemon uploads what it
// left.
func TestRecovery(t *testing.T) {
	s3 := s3test.Start(t)
	url := s3.Bucket(t, "shelf")
	dir := shortDir(t)
	config := writeConfig(t, dir, `{"volumes": {"shelf": {"url": %q, "env-file": %q, "request-timeout": "2s"}}}`, url, s3.EnvFile(t))
	d := startDaemon(t, dir, "--config", config)
	box := mount(t, d, "shelf", "box")
	f, err := box.create("note", bytes.Repeat([]byte("x"), 100))
	if err != nil {
		t.Fatal(err)
	}
	s3.Intercept(forbid)
	if err := f.Flush(gcontext.Background()); err == nil {
		t.Fatal("closing succeeded, but the store refuses")
	}
	d.cmd.Process.Kill()
	<-d.ended
	box.Close()
	s3.Intercept(nil)

	d = startDaemon(t, dir, "--config", config)
	if err := d.ask(request("shelf", "box")); err != nil { // waits for the recovery
		t.Fatal(err)
	}
	got, err := bucket(t, s3, url).ReadAll(context.Background(), "note")
	if err != nil || len(got) != 100 {
		t.Errorf("in the store: %q, %v", got, err)
	}
	if n := d.metric(`volumed_recovered_files_total{outcome="uploaded",volume="shelf"}`); n != 1 {
		t.Errorf("%v files recovered, want 1", n)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "state", "volumes", "shelf", "*")); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	d.stop()
}

// Who starts a container learns why it cannot have the volume, but not where the
// store is.
func TestAskErrors(t *testing.T) {
	s3 := s3test.Start(t)
	url := s3.Bucket(t, "shelf")
	dir := shortDir(t)
	d := startDaemon(t, dir, "--config", writeConfig(t, dir, `{"volumes": {
		"private": {"url": %q, "env-file": %q, "containers": ["web-*"]},
		"gone": {"url": %q, "env-file": %q}}}`,
		url, s3.EnvFile(t), strings.Replace(url, "shelf", "gone-bucket", 1), s3.EnvFile(t)))
	for name, tt := range map[string]struct{ volume, sandbox, want string }{
		"admitted": {"private", "web-1", ""},
		"refused":  {"private", "db-1", "not for container db-1"},
		"unknown":  {"other", "web-1", `no volume is called "other"`},
		"broken":   {"gone", "web-1", "the bucket does not exist"},
	} {
		t.Run(name, func(t *testing.T) {
			err := d.ask(request(tt.volume, tt.sandbox))
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "gone-bucket") {
				t.Errorf("the address is shown: %v", err)
			}
		})
	}
	if line := d.await("the bucket does not exist"); !strings.Contains(fmt.Sprint(line["store"]), "gone-bucket") {
		t.Errorf("the log does not say where: %v", line)
	}
	d.stop()
}
