package e2e

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/directfs/runsc/pkg/volume/blob/internal/s3test"
	"github.com/directfs/runsc/pkg/volume/blob/internal/volumed/settings"
	"github.com/directfs/runsc/runsc/harness"
)

// lab is a runtime, a daemon and a store with two buckets, "shelf" and "other".
type lab struct {
	*harness.Lab
	store    *s3test.Server
	dir      string // of volumed
	settings settings.Settings
	user     uint32 // of the daemon and the runtime
	daemon   *daemon
	daemons  []*daemon // with those before
}

// newLab has the volumes "shelf", "readonly" (what is below ro/ of it) and
// "other". The settings can be changed before the daemon starts.
func newLab(t *testing.T, change ...func(l *lab)) *lab {
	t.Helper()
	t.Parallel()
	l := &lab{Lab: harness.NewLab(t), store: s3test.Start(t)}
	l.dir = filepath.Join(l.Dir, "b-volumed")
	check(t, os.Mkdir(l.dir, 0o700))
	shelf := settings.Volume{URL: l.store.Bucket(t, "shelf"), EnvFile: l.store.EnvFile(t), FileMode: 0o755,
		RequestTimeout: settings.Duration(4 * time.Second), ListTTL: settings.Duration(time.Millisecond)}
	readonly, other := shelf, shelf
	readonly.Prefix, readonly.ReadOnly = "ro/", true
	other.URL = l.store.Bucket(t, "other")
	l.settings = settings.Settings{
		Socket: filepath.Join(l.dir, "s"), StateDir: filepath.Join(l.dir, "state"), Drain: settings.Duration(time.Second),
		Volumes: map[string]settings.Volume{"shelf": shelf, "readonly": readonly, "other": other},
	}
	for _, f := range change {
		f(l)
	}
	l.Runtime = l.With("--volume-daemon=blob=unix:" + l.settings.Socket)
	l.startDaemon(t)
	return l
}

// change changes the settings of the volume shelf.
func change(f func(v *settings.Volume)) func(*lab) {
	return func(l *lab) {
		v := l.settings.Volumes["shelf"]
		f(&v)
		l.settings.Volumes["shelf"] = v
	}
}

// mount mounts a volume.
func mount(destination, volume string, options ...string) harness.Option {
	return harness.Mount(destination, append([]string{"gofer=blob/" + volume}, options...)...)
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// guest runs the guest in a container and returns what it printed.
func guest(t *testing.T, c *harness.Container, args ...string) string {
	t.Helper()
	r, err := c.Exec(harness.Context(t), args...)
	if err := errors.Join(err, r.Err()); err != nil {
		t.Fatalf("guest %q: %v", args, err)
	}
	return strings.TrimSuffix(r.Stdout, "\n")
}

// expectGuest is guest with what is to be printed.
func expectGuest(t *testing.T, c *harness.Container, want string, args ...string) {
	t.Helper()
	if got := guest(t, c, args...); got != want {
		t.Errorf("guest %q printed %q, want %q", args, got, want)
	}
}

func line(t *testing.T, c *harness.Container) string {
	t.Helper()
	l, err := c.Stdout.Line(harness.Context(t))
	if err != nil {
		t.Fatalf("%s: %v: %s", c.ID, err, c.Stderr.Text())
	}
	return l
}

// script starts a container that runs a step for each call of step.
func (l *lab) script(t *testing.T, steps []string, options ...harness.Option) *harness.Container {
	t.Helper()
	c := l.Serve(t, l.Bundle(t, append(options, harness.Args(append([]string{"script"}, steps...)...))...))
	if got := line(t, c); got != "ready" {
		t.Fatal(got)
	}
	return c
}

func step(t *testing.T, c *harness.Container, want string) {
	t.Helper()
	check(t, c.Kill(harness.Context(t), "USR1"))
	if got := line(t, c); got != want {
		t.Errorf("the step printed %q, want %q", got, want)
	}
}

// put makes an object, as another writer does.
func (l *lab) put(t *testing.T, bucket, key, content string) {
	t.Helper()
	_, err := l.store.Client().PutObject(t.Context(), &s3.PutObjectInput{
		Bucket: aws.String(bucket), Key: aws.String(key), Body: strings.NewReader(content)})
	check(t, err)
}

// object returns an object's content and whether there is one.
func (l *lab) object(t *testing.T, bucket, key string) (content []byte, ok bool) {
	t.Helper()
	o, err := l.store.Client().GetObject(context.Background(), &s3.GetObjectInput{Bucket: aws.String(bucket), Key: aws.String(key)})
	if none := (*types.NoSuchKey)(nil); errors.As(err, &none) {
		return nil, false
	}
	check(t, err)
	defer o.Body.Close()
	content, err = io.ReadAll(o.Body)
	check(t, err)
	return content, true
}

func (l *lab) expectObject(t *testing.T, key, want string) {
	t.Helper()
	if got, ok := l.object(t, "shelf", key); !ok || string(got) != want {
		t.Errorf("object %s: %.100q, %v, want %.100q", key, got, ok, want)
	}
}

func hash(content []byte) string { return fmt.Sprintf("%x", sha256.Sum256(content)) }

// eventually waits for what ends no call.
func eventually(t *testing.T, f func() error) {
	t.Helper()
	ctx := harness.Context(t)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := f()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal(err)
		}
	}
}
