package stores

import (
	"bytes"
	"context"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/directfs/runsc/pkg/volume/blob/internal/s3test"
	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

func open(t *testing.T, url string, c Credentials) *Store {
	t.Helper()
	l, err := Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(context.Background(), l, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Bucket.Close() })
	return s
}

func etag(t *testing.T, b *blob.Bucket, key string) string {
	t.Helper()
	a, err := b.Attributes(context.Background(), key)
	if err != nil {
		t.Fatal(err)
	}
	return a.ETag
}

func TestS3Credentials(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	server := s3test.Start(t)
	url := server.Bucket(t, "shelf")
	wrong := writeFile(t, "AWS_ACCESS_KEY_ID=somebody\nAWS_SECRET_ACCESS_KEY=else\n")
	for name, tt := range map[string]struct {
		c  Credentials
		ok bool
	}{
		"environment without any": {Credentials{}, false},
		"env file":                {Credentials{EnvFile: server.EnvFile(t)}, true},
		"env file of another":     {Credentials{EnvFile: wrong}, false},
		"profile":                 {Credentials{AWSFile: server.CredentialsFile(t, "backup"), AWSProfile: "backup"}, true},
		"default profile":         {Credentials{AWSFile: server.CredentialsFile(t, "default")}, true},
	} {
		t.Run(name, func(t *testing.T) {
			err := open(t, url, tt.c).Bucket.WriteAll(context.Background(), "a", []byte("text"), nil)
			if ok := err == nil; ok != tt.ok {
				t.Errorf("writing: %v", err)
			}
		})
	}
	t.Run("environment", func(t *testing.T) {
		server.Setenv(t)
		if err := open(t, url, Credentials{}).Bucket.WriteAll(context.Background(), "a", []byte("text"), nil); err != nil {
			t.Error(err)
		}
	})
}

func TestS3OpenErrors(t *testing.T) {
	for name, tt := range map[string]struct {
		url  string
		c    Credentials
		want string
	}{
		"no such file":    {"s3://b?region=r", Credentials{EnvFile: "/nowhere"}, "/nowhere"},
		"half a key":      {"s3://b?region=r", Credentials{EnvFile: writeFile(t, "AWS_ACCESS_KEY_ID=a")}, "lacks"},
		"no such profile": {"s3://b?region=r", Credentials{AWSFile: writeFile(t, "[other]\naws_access_key_id=a\naws_secret_access_key=b\n")}, "profile default"},
		"no region":       {"s3://b", Credentials{EnvFile: writeFile(t, "AWS_ACCESS_KEY_ID=a\nAWS_SECRET_ACCESS_KEY=b")}, "region=REGION"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, v := range []string{"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"} {
				t.Setenv(v, "")
			}
			t.Setenv("AWS_CONFIG_FILE", "/nowhere")
			l, err := Parse(tt.url)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Open(context.Background(), l, tt.c); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

// Both ways to upload, in one piece and in parts, compare.
func TestS3Conditions(t *testing.T) {
	server := s3test.Start(t)
	s := open(t, server.Bucket(t, "shelf"), Credentials{EnvFile: server.EnvFile(t)})
	ctx := context.Background()
	for name, content := range map[string][]byte{
		"one piece": []byte("text"),
		"parts":     bytes.Repeat([]byte("0123456789abcdef"), 1<<20), // 16 MiB in parts of 5
	} {
		t.Run(name, func(t *testing.T) {
			write := func(etag string) error {
				o := &blob.WriterOptions{BufferSize: 5 << 20, IfNotExist: etag == ""}
				if etag != "" {
					s.IfMatch(o, etag)
				}
				return s.Bucket.WriteAll(ctx, name, content, o)
			}
			refused := func(what string, err error) {
				t.Helper()
				if gcerrors.Code(err) != gcerrors.FailedPrecondition {
					t.Errorf("%s: %v, want a failed precondition", what, err)
				}
			}
			if err := write(""); err != nil {
				t.Fatal(err)
			}
			refused("creating what exists", write(""))
			first := etag(t, s.Bucket, name)
			if err := write(first); err != nil {
				t.Fatal(err)
			}
			if err := s.Bucket.WriteAll(ctx, name, []byte("another writer"), nil); err != nil {
				t.Fatal(err)
			}
			refused("replacing what another replaced", write(first))

			read := func(etag string) error {
				o := new(blob.ReaderOptions)
				s.ReadIfMatch(o, etag)
				r, err := s.Bucket.NewRangeReader(ctx, name, 0, 2, o)
				if err != nil {
					return err
				}
				defer r.Close()
				if got := s.ReaderETag(r); got != etag {
					t.Errorf("the reader has the ETag %q, want %q", got, etag)
				}
				_, err = io.Copy(io.Discard, r)
				return err
			}
			refused("reading what another replaced", read(first))
			if err := read(etag(t, s.Bucket, name)); err != nil {
				t.Error(err)
			}
			if err := s.Bucket.Delete(ctx, name); err != nil {
				t.Fatal(err)
			}
			if err := write(first); err == nil {
				t.Error("replaced what another deleted")
			}
		})
	}
}

func writeFile(t *testing.T, text string) string {
	t.Helper()
	path := t.TempDir() + "/file"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
