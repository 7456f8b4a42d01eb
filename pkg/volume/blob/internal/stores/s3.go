package stores

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/logging"
	"gocloud.dev/blob"
	"gocloud.dev/blob/s3blob"
)

// fileAge is after how long a credentials file is read again.
const fileAge = 5 * time.Minute

var s3Variables = []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION"}

// openS3 opens a bucket as gocloud.dev does, then replaces what a URL cannot say.
func openS3(ctx context.Context, u url.URL, c Credentials) (*blob.Bucket, error) {
	provider, region, err := s3Credentials(ctx, c)
	if err != nil {
		return nil, err
	}
	if q := u.Query(); region != "" && !q.Has("region") {
		q.Set("region", region)
		u.RawQuery = q.Encode()
	}
	var opener s3blob.URLOpener
	first, err := opener.OpenBucketURL(ctx, &u)
	if err != nil {
		return nil, err
	}
	defer first.Close()
	var client *s3.Client
	if !first.As(&client) {
		return nil, errors.New("the library does not show its S3 client")
	}
	if client.Options().Region == "" {
		return nil, errors.New("the region is not known; write region=REGION in the URL, for another maker's store us-east-1 if it has none")
	}
	client = s3.New(client.Options(), func(o *s3.Options) {
		o.Logger = logging.LoggerFunc(func(_ logging.Classification, format string, args ...any) {
			slog.Debug(fmt.Sprintf(format, args...), "from", "the AWS library")
		})
		o.HTTPClient = &http.Client{Transport: newTransport()}
		plainKeys(o)
		checkFast(o)
		if provider != nil {
			o.Credentials = aws.NewCredentialsCache(provider)
		}
	})
	return s3blob.OpenBucket(ctx, client, u.Host, &opener.Options)
}

// s3Credentials returns what the files say, or nil if there are none.
func s3Credentials(ctx context.Context, c Credentials) (aws.CredentialsProvider, string, error) {
	switch {
	case c.EnvFile != "":
		vars, err := readEnv(c.EnvFile, s3Variables)
		if err != nil {
			return nil, "", err
		}
		id, secret := vars["AWS_ACCESS_KEY_ID"], vars["AWS_SECRET_ACCESS_KEY"]
		if id == "" || secret == "" {
			return nil, "", fmt.Errorf("%s lacks AWS_ACCESS_KEY_ID or AWS_SECRET_ACCESS_KEY", c.EnvFile)
		}
		return credentials.NewStaticCredentialsProvider(id, secret, vars["AWS_SESSION_TOKEN"]), vars["AWS_REGION"], nil
	case c.AWSFile != "":
		p := awsProfile{c.AWSFile, cmp.Or(c.AWSProfile, "default")}
		_, err := p.Retrieve(ctx)
		return p, "", err
	}
	return nil, "", nil
}

// awsProfile is a profile in a shared credentials file.
type awsProfile struct{ file, profile string }

// Retrieve implements aws.CredentialsProvider.
func (p awsProfile) Retrieve(ctx context.Context) (aws.Credentials, error) {
	if _, err := readSecret(p.file); err != nil {
		return aws.Credentials{}, err
	}
	loaded, err := config.LoadSharedConfigProfile(ctx, p.profile, func(o *config.LoadSharedConfigOptions) {
		o.CredentialsFiles, o.ConfigFiles = []string{p.file}, []string{}
	})
	if err != nil {
		return aws.Credentials{}, fmt.Errorf("%s: profile %s: %w", p.file, p.profile, err)
	}
	if !loaded.Credentials.HasKeys() {
		return aws.Credentials{}, fmt.Errorf("%s: profile %s has no aws_access_key_id and aws_secret_access_key", p.file, p.profile)
	}
	c := loaded.Credentials
	c.CanExpire, c.Expires = true, time.Now().Add(fileAge)
	return c, nil
}

func s3Write(as func(any) bool, etag string) error {
	var in *transfermanager.UploadObjectInput
	if !as(&in) {
		return errHidden
	}
	in.IfMatch = aws.String(etag)
	return nil
}

func s3Read(as func(any) bool, etag string) error {
	var in *s3.GetObjectInput
	if !as(&in) {
		return errHidden
	}
	in.IfMatch = aws.String(etag)
	return nil
}

func s3ETag(r *blob.Reader) string {
	var out s3.GetObjectOutput
	r.As(&out)
	return aws.ToString(out.ETag)
}
