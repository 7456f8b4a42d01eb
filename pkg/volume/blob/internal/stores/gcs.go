package stores

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strconv"

	"gocloud.dev/blob"
	"gocloud.dev/blob/gcsblob"
	"gocloud.dev/gcp"
	"golang.org/x/oauth2/google"
)

const gcsScope = "https://www.googleapis.com/auth/devstorage.read_write"

func openGCS(ctx context.Context, u url.URL, c Credentials) (*blob.Bucket, error) {
	anonymous, _ := strconv.ParseBool(u.Query().Get("anonymous"))
	if anonymous || os.Getenv("STORAGE_EMULATOR_HOST") != "" {
		opener := gcsblob.URLOpener{Client: gcp.NewAnonymousHTTPClient(newTransport())}
		return opener.OpenBucketURL(ctx, &u)
	}
	creds, err := gcsCredentials(ctx, c)
	if err != nil {
		return nil, err
	}
	client, err := gcp.NewHTTPClient(newTransport(), gcp.CredentialsTokenSource(creds))
	if err != nil {
		return nil, err
	}
	opener := gcsblob.URLOpener{Client: client, TokenSource: gcp.CredentialsTokenSource(creds)}
	return opener.OpenBucketURL(ctx, &u)
}

// gcsCredentials returns a service account's, or the machine's own: a token is
// asked for when it is needed first.
func gcsCredentials(ctx context.Context, c Credentials) (*google.Credentials, error) {
	// Tokens are fetched as long as the store is open.
	ctx = context.WithoutCancel(ctx)
	if c.GCSKeyFile == "" {
		creds, err := gcp.DefaultCredentials(ctx)
		if err != nil {
			return nil, fmt.Errorf("no credentials for Google Cloud Storage; name a service account's key as gcs-key-file, or write anonymous=true in the URL: %w", err)
		}
		return creds, nil
	}
	key, err := readSecret(c.GCSKeyFile)
	if err != nil {
		return nil, err
	}
	// No other type: an "external account" names programs and URLs to call.
	creds, err := google.CredentialsFromJSONWithType(ctx, key, google.ServiceAccount, gcsScope)
	if err != nil {
		return nil, fmt.Errorf("%s is not the key of a service account: %w", c.GCSKeyFile, err)
	}
	return creds, nil
}
