package s3test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

func TestServer(t *testing.T) {
	s := Start(t)
	s.Bucket(t, "shelf")
	c := s.Client()
	put := func(body string) error {
		_, err := c.PutObject(context.Background(), &s3.PutObjectInput{
			Bucket: aws.String("shelf"), Key: aws.String("a/b"), Body: strings.NewReader(body)})
		return err
	}
	if err := put("text"); err != nil {
		t.Fatal(err)
	}
	got, err := c.GetObject(context.Background(), &s3.GetObjectInput{Bucket: aws.String("shelf"), Key: aws.String("a/b")})
	if err != nil {
		t.Fatal(err)
	}
	got.Body.Close()
	if *got.ContentLength != 4 {
		t.Errorf("length %d, want 4", *got.ContentLength)
	}

	s.Intercept(func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
	})
	if err := put("text"); err == nil {
		t.Error("no error from a server that forbids everything")
	}
	s.Intercept(nil)
	if err := put("text"); err != nil {
		t.Error(err)
	}
}
