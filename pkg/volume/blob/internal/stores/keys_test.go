package stores

import (
	"context"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/directfs/runsc/pkg/volume/blob/internal/s3test"
	"gocloud.dev/blob"
)

// Objects of other programs, and what other programs see of ours: a key is a key. The
// library writes some as others, and takes those for the first.
func TestS3Keys(t *testing.T) {
	server := s3test.Start(t)
	s := open(t, server.Bucket(t, "shelf"), Credentials{EnvFile: server.EnvFile(t)})
	ctx, client := context.Background(), server.Client()
	keys := []string{"x__0x41__", "xA", "dots../f", "dots..__0x2f__f", "line\nend", "tab\tx", "__0x5f____0x41__", "__0x", "a_b", "ü ö+%2F&<>"}
	for _, key := range keys {
		if _, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("shelf"), Key: aws.String(key), Body: strings.NewReader("content of " + key)}); err != nil {
			t.Fatalf("%q: %v", key, err)
		}
	}
	slices.Sort(keys)
	list := func(o *blob.ListOptions) (all []string) {
		for it := s.Bucket.List(o); ; {
			o, err := it.Next(ctx)
			if err == io.EOF {
				slices.Sort(all)
				return all
			} else if err != nil {
				t.Fatal(err)
			}
			all = append(all, o.Key)
		}
	}
	if got := list(nil); !slices.Equal(got, keys) {
		t.Errorf("listed %q, want %q", got, keys)
	}
	if got := list(&blob.ListOptions{Prefix: "dots../", Delimiter: "/"}); !slices.Equal(got, []string{"dots../f"}) {
		t.Errorf("listed %q", got)
	}
	for _, key := range keys {
		if got, err := s.Bucket.ReadAll(ctx, key); err != nil || string(got) != "content of "+key {
			t.Errorf("%q has %q, %v", key, got, err)
		}
		if err := s.Bucket.Copy(ctx, "copies/"+key, key, nil); err != nil {
			t.Errorf("copying %q: %v", key, err)
		}
		if err := s.Bucket.WriteAll(ctx, "copies/"+key, []byte("new"), nil); err != nil {
			t.Errorf("writing %q: %v", key, err)
		}
		if _, err := client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: aws.String("shelf"), Key: aws.String("copies/" + key)}); err != nil {
			t.Errorf("copies/%q: %v", key, err)
		}
		if err := s.Bucket.Delete(ctx, key); err != nil {
			t.Errorf("deleting %q: %v", key, err)
		}
		if _, err := client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: aws.String("shelf"), Key: aws.String(key)}); err == nil {
			t.Errorf("%q is still there", key)
		}
	}
}

// Whatever a key looks like, it is the same for other programs.
func TestS3KeysOfAnyText(t *testing.T) {
	server := s3test.Start(t)
	s := open(t, server.Bucket(t, "shelf"), Credentials{EnvFile: server.EnvFile(t)})
	ctx, r := context.Background(), rand.New(rand.NewPCG(1, 2))
	var keys []string
	for range 100 {
		var key strings.Builder
		for range 1 + r.IntN(5) {
			key.WriteString([]string{"_", "__0x", "41", "5f", "__", "a", "\n", "..", "+", "%2f", "0x2f__"}[r.IntN(11)])
		}
		if strings.Trim(key.String(), ".") == "" {
			continue
		}
		if err := s.Bucket.WriteAll(ctx, key.String(), nil, nil); err != nil {
			t.Fatalf("%q: %v", key.String(), err)
		}
		keys = append(keys, key.String())
	}
	slices.Sort(keys)
	keys = slices.Compact(keys)
	out, err := server.Client().ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String("shelf")})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range out.Contents {
		got = append(got, *o.Key)
	}
	slices.Sort(got)
	if !slices.Equal(got, keys) {
		t.Errorf("the store has %q, want %q", got, keys)
	}
	for _, key := range keys {
		if ok, err := s.Bucket.Exists(ctx, key); !ok || err != nil {
			t.Errorf("%q: %v, %v", key, ok, err)
		}
	}
}
