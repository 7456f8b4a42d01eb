package s3test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Client is an S3 client with the server's credentials.
func (s *Server) Client() *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: aws.String(s.Endpoint),
		Region:       region,
		UsePathStyle: true,
		Credentials:  credentials.NewStaticCredentialsProvider(accessKey, secretKey, ""),
	})
}

// Bucket makes a bucket, and returns its URL, which has no credentials in it.
func (s *Server) Bucket(tb testing.TB, name string) string {
	tb.Helper()
	_, err := s.Client().CreateBucket(context.Background(), &s3.CreateBucketInput{Bucket: aws.String(name)})
	if err != nil {
		tb.Fatalf("creating bucket %s: %v", name, err)
	}
	q := url.Values{"endpoint": {s.Endpoint}, "region": {region}, "use_path_style": {"true"}, "hostname_immutable": {"true"}}
	return (&url.URL{Scheme: "s3", Host: name, RawQuery: q.Encode()}).String()
}

// Environ is the environment with which AWS clients have the credentials.
func (s *Server) Environ() []string {
	return []string{"AWS_ACCESS_KEY_ID=" + accessKey, "AWS_SECRET_ACCESS_KEY=" + secretKey}
}

// Setenv sets Environ for the test.
func (s *Server) Setenv(tb testing.TB) {
	tb.Setenv("AWS_ACCESS_KEY_ID", accessKey)
	tb.Setenv("AWS_SECRET_ACCESS_KEY", secretKey)
}

// EnvFile writes Environ to a file that only its owner can read.
func (s *Server) EnvFile(tb testing.TB) string {
	tb.Helper()
	var text []byte
	for _, line := range s.Environ() {
		text = fmt.Appendln(text, line)
	}
	return write(tb, "s3.env", text)
}

// CredentialsFile writes an AWS shared credentials file with one profile.
func (s *Server) CredentialsFile(tb testing.TB, profile string) string {
	tb.Helper()
	return write(tb, "credentials", fmt.Appendf(nil, "[%s]\naws_access_key_id = %s\naws_secret_access_key = %s\n", profile, accessKey, secretKey))
}

func write(tb testing.TB, name string, text []byte) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}
