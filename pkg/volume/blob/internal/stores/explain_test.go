package stores

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/directfs/runsc/pkg/volume/blob/internal/s3test"
	"gocloud.dev/blob"
)

func TestExplain(t *testing.T) {
	server := s3test.Start(t)
	url := server.Bucket(t, "shelf")
	good := Credentials{EnvFile: server.EnvFile(t)}
	status := func(code int) func(http.Handler) http.Handler {
		return func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) })
		}
	}
	hang := func(http.Handler) http.Handler {
		return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	}
	for name, tt := range map[string]struct {
		url  string
		c    Credentials
		wrap func(http.Handler) http.Handler
		want string
	}{
		"works":              {url, good, nil, ""},
		"no such bucket":     {strings.Replace(url, "shelf", "other", 1), good, nil, "does not exist"},
		"other secret":       {url, Credentials{EnvFile: writeFile(t, "AWS_ACCESS_KEY_ID=test-access-key\nAWS_SECRET_ACCESS_KEY=b\n")}, nil, "refuses the credentials"},
		"forbidden":          {url, good, status(http.StatusForbidden), "refuses the credentials"},
		"other region":       {url, good, status(http.StatusMovedPermanently), "another region"},
		"internal error":     {url, good, status(http.StatusNotImplemented), "does not work"},
		"no answer":          {url, good, hang, "did not answer in time"},
		"nobody listens":     {"s3://shelf?region=r&use_path_style=true&endpoint=http://127.0.0.1:1", good, nil, "no connection"},
		"no credentials":     {url, Credentials{}, nil, "no credentials"},
		"directory, missing": {"file://" + filepath.Join(t.TempDir(), "gone"), Credentials{}, nil, "does not exist"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("AWS_ACCESS_KEY_ID", "")
			t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
			t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
			t.Setenv("AWS_MAX_ATTEMPTS", "1")
			server.Intercept(tt.wrap)
			defer server.Intercept(nil)
			timeout := time.Minute
			if name == "no answer" {
				timeout = 300 * time.Millisecond
			}
			err := listOnce(t, tt.url, tt.c, timeout)
			switch {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want != "" && (err == nil || !strings.Contains(Explain(err).Reason, tt.want)):
				t.Errorf("got %v, want %q", err, tt.want)
			case tt.want != "" && (strings.Contains(Explain(err).Reason, "shelf") || strings.Contains(Explain(err).Reason, os.TempDir())):
				t.Errorf("the reason says where the store is: %s", Explain(err).Reason)
			}
		})
	}
}

func listOnce(t *testing.T, url string, c Credentials, timeout time.Duration) error {
	t.Helper()
	l, err := Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	s, err := Open(ctx, l, c)
	if err != nil {
		return err
	}
	defer s.Bucket.Close()
	_, _, err = s.Bucket.ListPage(ctx, blob.FirstPageToken, 1, nil)
	return err
}
