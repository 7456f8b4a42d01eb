package stores

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/directfs/runsc/pkg/volume/blob/internal/s3test"
)

// spoil changes one byte of each object that is read, and nothing that says so.
func spoil(server http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			server.ServeHTTP(w, r)
			return
		}
		answer := httptest.NewRecorder()
		server.ServeHTTP(answer, r)
		for name, values := range answer.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(answer.Code)
		body := answer.Body.Bytes()
		body[len(body)/2] ^= 1
		w.Write(body)
	})
}

// What arrives is what was stored, or an error, whoever checks it.
func TestS3ContentIsChecked(t *testing.T) {
	server := s3test.Start(t)
	url := server.Bucket(t, "shelf")
	ctx := context.Background()
	content := bytes.Repeat([]byte("0123456789abcdef"), 1<<14)
	for name, c := range map[string]struct {
		algorithm types.ChecksumAlgorithm
		setting   string // AWS_RESPONSE_CHECKSUM_VALIDATION
		want      string // in the error, if there is one
	}{
		"here":                           {types.ChecksumAlgorithmCrc64nvme, "", "announced"},
		"by the library":                 {types.ChecksumAlgorithmSha256, "", "checksum did not match"},
		"unless the operator wants none": {types.ChecksumAlgorithmCrc64nvme, "when_required", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("AWS_RESPONSE_CHECKSUM_VALIDATION", c.setting)
			s := open(t, url, Credentials{EnvFile: server.EnvFile(t)})
			if _, err := server.Client().PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("shelf"), Key: aws.String("a"),
				Body: bytes.NewReader(content), ChecksumAlgorithm: c.algorithm}); err != nil {
				t.Fatal(err)
			}
			if got, err := s.Bucket.ReadAll(ctx, "a"); err != nil || !bytes.Equal(got, content) {
				t.Fatalf("%d bytes, %v", len(got), err)
			}
			server.Intercept(spoil)
			defer server.Intercept(nil)
			_, err := s.Bucket.ReadAll(ctx, "a")
			if c.want == "" && err == nil {
				return
			}
			if err == nil || c.want == "" || !strings.Contains(err.Error(), c.want) {
				t.Errorf("spoiled content: error %v, want %q", err, c.want)
			}
		})
	}
}
