package stores

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Where the codes of gocloud.dev say that an object is not there, the status says
// whether that is so.
func TestStatus(t *testing.T) {
	status, body := 0, ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	t.Setenv("STORAGE_EMULATOR_HOST", host)
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	azure := fmt.Sprintf("DefaultEndpointsProtocol=http;AccountName=me;AccountKey=a2V5;BlobEndpoint=%s/me;", server.URL)
	all := map[string]*Store{
		"Google": open(t, "gs://shelf", Credentials{}),
		"Azure":  open(t, "azblob://shelf", Credentials{AzureConnectionFile: writeFile(t, azure)}),
		"S3": open(t, "s3://shelf?region=r&use_path_style=true&endpoint="+server.URL,
			Credentials{EnvFile: writeFile(t, "AWS_ACCESS_KEY_ID=a\nAWS_SECRET_ACCESS_KEY=b\n")}),
	}
	const limit = `{"error": {"code": 403, "errors": [{"reason": "rateLimitExceeded"}]}}`
	for _, tt := range []struct {
		store  string
		status int
		body   string
		want   int
	}{
		{"Google", 403, `{"error": {"code": 403}}`, 403}, {"Google", 403, limit, 429}, {"Google", 404, "", 404},
		{"Azure", 403, "", 403}, {"Azure", 404, "", 404},
		{"S3", 301, "", 301}, {"S3", 403, "", 403}, {"S3", 404, "", 404},
	} {
		status, body = tt.status, tt.body
		s, ctx := all[tt.store], context.Background()
		_, attributes := s.Bucket.Attributes(ctx, "a")
		_, read := s.Bucket.ReadAll(ctx, "a")
		for what, err := range map[string]error{"attributes": attributes, "read": read,
			"delete": s.Bucket.Delete(ctx, "a"), "copy": s.Bucket.Copy(ctx, "b", "a", nil)} {
			if got := s.Status(err); got != tt.want && !(what == "read" && tt.want == 429) {
				t.Errorf("%s, %s, status %d: %d, want %d (%v)", tt.store, what, tt.status, got, tt.want, err)
			}
		}
	}
	gone := open(t, "azblob://shelf", Credentials{AzureConnectionFile: writeFile(t, strings.Replace(azure, host, "no-such-host.invalid", 1))})
	ctx, cancel := context.WithTimeout(context.Background(), 0)
	defer cancel()
	if _, err := gone.Bucket.Attributes(ctx, "a"); gone.Status(err) != 0 {
		t.Errorf("no answer: %d, %v", gone.Status(err), err)
	}
}
