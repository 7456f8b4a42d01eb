package dirbucket

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

const secret = "not of the store"

// site is a bucket in a directory, and a directory of the host beside it.
type site struct {
	t               *testing.T
	bucket, outside string
	*blob.Bucket
}

func newSite(t *testing.T) *site {
	t.Helper()
	dir := t.TempDir()
	s := &site{t: t, bucket: filepath.Join(dir, "bucket"), outside: filepath.Join(dir, "outside")}
	for _, d := range []string{s.bucket, s.outside} {
		s.must(os.Mkdir(d, 0o700))
	}
	s.must(os.WriteFile(s.out("file"), []byte(secret), 0o600))
	s.Bucket = s.open(Options{})
	return s
}

func (s *site) open(o Options) *blob.Bucket {
	s.t.Helper()
	b, err := Open(s.bucket, o)
	s.must(err)
	s.t.Cleanup(func() { b.Close() })
	return b
}

func (s *site) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) in(name string) string  { return filepath.Join(s.bucket, name) }
func (s *site) out(name string) string { return filepath.Join(s.outside, name) }

// intact fails unless the directory outside is as it was.
func (s *site) intact() {
	s.t.Helper()
	names, err := os.ReadDir(s.outside)
	s.must(err)
	content, err := os.ReadFile(s.out("file"))
	s.must(err)
	if len(names) != 1 || string(content) != secret {
		s.t.Errorf("outside there are %v, and %q", names, content)
	}
}

// keys are what a listing has.
func (s *site) keys(prefix string) (all []string) {
	s.t.Helper()
	list := s.List(&blob.ListOptions{Prefix: prefix})
	for {
		o, err := list.Next(s.t.Context())
		if err != nil {
			return all
		}
		all = append(all, o.Key)
	}
}

// refused tries everything with a key, in a second each.
func (s *site) refused(key string, want gcerrors.ErrorCode) {
	s.t.Helper()
	s.must(s.WriteAll(s.t.Context(), "source", []byte("mine"), nil))
	for name, f := range map[string]func(ctx context.Context) error{
		"attributes": func(ctx context.Context) error { _, err := s.Attributes(ctx, key); return err },
		"read":       func(ctx context.Context) error { _, err := s.ReadAll(ctx, key); return err },
		"copy":       func(ctx context.Context) error { return s.Copy(ctx, "copy", key, nil) },
		"delete":     func(ctx context.Context) error { return s.Delete(ctx, key) },
	} {
		done := make(chan error, 1)
		go func() { done <- f(s.t.Context()) }()
		select {
		case err := <-done:
			if gcerrors.Code(err) != want {
				s.t.Errorf("%s of %s: %v, want %v", name, key, err, want)
			}
		case <-time.After(5 * time.Second):
			s.t.Fatalf("%s of %s hangs", name, key)
		}
	}
	for _, k := range s.keys("") {
		if k == key {
			s.t.Errorf("%s is listed", key)
		}
	}
	s.intact()
}
