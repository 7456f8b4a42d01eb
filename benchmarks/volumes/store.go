package volumes

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Kind is the protocol of a store.
type Kind string

const (
	// Local is a directory of the host, without any server.
	Local Kind = "local"

	// S3 is served by versitygw.
	S3 Kind = "s3"

	// GCS is served by fake-gcs-server.
	GCS Kind = "gcs"
)

// The one account of the stores, which listen on the loopback interface only.
const (
	accessKey = "bench"
	secretKey = "bench-secret"
	region    = "us-east-1"
)

// Store serves buckets that are directories of the host.
type Store struct {
	kind    Kind
	dir     string
	address string
	process *process
	rclone  string
}

// StartStore starts the server of a kind on an empty directory.
func StartStore(ctx context.Context, k Kind, p Programs, dir string) (*Store, error) {
	s := &Store{kind: k, dir: filepath.Join(dir, "objects"), rclone: p.path(rcloneProgram)}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return nil, err
	}
	if k == Local {
		return s, nil
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	s.address = net.JoinHostPort("127.0.0.1", port)
	args, env := s.server(p, port)
	if s.process, err = start(filepath.Join(dir, "log"), env, args...); err != nil {
		return nil, err
	}
	err = s.process.until(ctx, s.answers)
	if err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

func (s *Store) server(p Programs, port string) (args, env []string) {
	if s.kind == GCS {
		return []string{p.path(gcsServerProgram), "-scheme=http", "-host=127.0.0.1", "-port=" + port, "-backend=filesystem",
			"-filesystem-root=" + s.dir, "-external-url=http://" + s.address, "-public-host=" + s.address, "-log-level=error"}, nil
	}
	return []string{p.path(s3ServerProgram), "--port=" + s.address, "--region=" + region, "--quiet", "--keep-alive", "posix", s.dir},
		[]string{"ROOT_ACCESS_KEY=" + accessKey, "ROOT_SECRET_KEY=" + secretKey}
}

// freePort returns one that nothing listens on. It is not reserved; a program
// that gets there first is noticed, since the server then ends.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, errors.Join(err, l.Close())
}

func (s *Store) answers() (bool, error) {
	c, err := net.Dial("tcp", s.address)
	if err != nil {
		return false, nil
	}
	return true, c.Close()
}

// Stop ends the server. The files stay.
func (s *Store) Stop() error {
	if s.process == nil {
		return nil
	}
	return s.process.end()
}

// Fill creates a bucket that has the files of a directory.
func (s *Store) Fill(ctx context.Context, bucket, from string) error {
	// Markers of directories save s3fs requests, and the others do not mind.
	for _, args := range [][]string{
		{"mkdir", s.remote(bucket)},
		{"copy", "--transfers=16", "--checkers=16", "--no-traverse", "--no-check-dest", "--s3-directory-markers", from, s.remote(bucket)},
	} {
		cmd := exec.CommandContext(ctx, s.rclone, args...)
		cmd.Env = append(os.Environ(), s.rcloneConfig()...)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("rclone %s: %w: %.600s", args[0], err, strings.TrimSpace(string(out)))
		}
	}
	return nil
}

// remote is a bucket as rclone names it.
func (s *Store) remote(bucket string) string {
	if s.kind == Local {
		return "store:" + s.Bucket(bucket)
	}
	return "store:" + bucket
}

// rcloneConfig configures the remote by the environment (rclone.org/docs,
// Config file), so that the user's own configuration does not matter.
func (s *Store) rcloneConfig() []string {
	config := []string{"TYPE=local"}
	switch s.kind {
	case S3:
		config = []string{"TYPE=s3", "PROVIDER=Other", "ENDPOINT=http://" + s.address, "ACCESS_KEY_ID=" + accessKey,
			"SECRET_ACCESS_KEY=" + secretKey, "REGION=" + region, "FORCE_PATH_STYLE=true"}
	case GCS:
		config = []string{"TYPE=google cloud storage", "ENDPOINT=http://" + s.address + "/storage/v1/", "ANONYMOUS=true",
			"BUCKET_POLICY_ONLY=true", "PROJECT_NUMBER=bench"}
	}
	for i := range config {
		config[i] = "RCLONE_CONFIG_STORE_" + config[i]
	}
	return append(config, "RCLONE_CONFIG=")
}

// Bucket is the directory of a bucket.
func (s *Store) Bucket(name string) string { return filepath.Join(s.dir, name) }

// Stored waits until an object of the size is in the bucket.
func (s *Store) Stored(ctx context.Context, bucket, object string, size int64) error {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		fi, err := os.Stat(filepath.Join(s.Bucket(bucket), object))
		if err == nil && fi.Size() == size {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("object %s is not in the store: %w", object, context.Cause(ctx))
		case <-tick.C:
		}
	}
}
