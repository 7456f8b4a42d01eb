package stores

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	azure "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"gocloud.dev/blob"
	"gocloud.dev/blob/azureblob"
)

var azureVariables = []string{"AZURE_STORAGE_ACCOUNT", "AZURE_STORAGE_KEY", "AZURE_STORAGE_SAS_TOKEN",
	"AZURE_STORAGE_CONNECTION_STRING"}

func openAzure(ctx context.Context, u url.URL, c Credentials) (*blob.Bucket, error) {
	vars, err := azureCredentials(c)
	if err != nil {
		return nil, err
	}
	if vars == nil {
		return (&azureblob.URLOpener{MakeClient: environmentClient,
			ServiceURLOptions: *azureblob.NewDefaultServiceURLOptions()}).OpenBucketURL(ctx, &u)
	}
	if text := vars["AZURE_STORAGE_CONNECTION_STRING"]; text != "" {
		if u.RawQuery != "" || len(vars) > 1 {
			return nil, errConnectionString
		}
		client, err := connectionClient(text, u.Host)
		if err != nil {
			return nil, err
		}
		return azureblob.OpenBucket(ctx, client, nil)
	}
	opener := azureblob.URLOpener{ServiceURLOptions: azureblob.ServiceURLOptions{
		AccountName: vars["AZURE_STORAGE_ACCOUNT"], SASToken: vars["AZURE_STORAGE_SAS_TOKEN"]}}
	opener.MakeClient = func(service azureblob.ServiceURL, name azureblob.ContainerName) (*container.Client, error) {
		return azureClient(service, name, vars["AZURE_STORAGE_ACCOUNT"], vars["AZURE_STORAGE_KEY"])
	}
	return opener.OpenBucketURL(ctx, &u)
}

// azureCredentials returns what the files say, or nil if there are none.
func azureCredentials(c Credentials) (map[string]string, error) {
	switch {
	case c.AzureConnectionFile != "":
		text, err := readSecret(c.AzureConnectionFile)
		if err == nil && len(strings.TrimSpace(string(text))) == 0 {
			err = fmt.Errorf("%s is empty", c.AzureConnectionFile)
		}
		return map[string]string{"AZURE_STORAGE_CONNECTION_STRING": strings.TrimSpace(string(text))}, err
	case c.EnvFile != "":
		vars, err := readEnv(c.EnvFile, azureVariables)
		if err != nil {
			return nil, err
		}
		if vars["AZURE_STORAGE_CONNECTION_STRING"] == "" && vars["AZURE_STORAGE_KEY"] == "" && vars["AZURE_STORAGE_SAS_TOKEN"] == "" {
			return nil, fmt.Errorf("%s has no AZURE_STORAGE_KEY, AZURE_STORAGE_SAS_TOKEN or AZURE_STORAGE_CONNECTION_STRING", c.EnvFile)
		}
		return vars, nil
	}
	return nil, nil
}

func azureOptions() *container.ClientOptions {
	return &container.ClientOptions{ClientOptions: policy.ClientOptions{
		Transport: azureTransport{&http.Client{Transport: newTransport()}}}}
}

// azureTransport makes requests whose errors do not have the URL: a token is a part
// of that, and errors are logged.
type azureTransport struct{ client *http.Client }

func (t azureTransport) Do(r *http.Request) (*http.Response, error) {
	answer, err := t.client.Do(r)
	if with := (*url.Error)(nil); errors.As(err, &with) {
		err = with.Err
	}
	return answer, err
}

func connectionClient(text, name string) (*container.Client, error) {
	client, err := container.NewClientFromConnectionString(text, name, azureOptions())
	if err != nil {
		// The library's error may have the string in it.
		return nil, errors.New("the connection string of the Azure storage account is not valid")
	}
	return client, nil
}

// environmentClient chooses as azureblob.NewDefaultClient does, which shows tokens
// in errors.
func environmentClient(service azureblob.ServiceURL, name azureblob.ContainerName) (*container.Client, error) {
	text := cmp.Or(os.Getenv("AZURE_STORAGE_CONNECTION_STRING"), os.Getenv("AZURE_STORAGEBLOB_CONNECTIONSTRING"))
	switch {
	case os.Getenv("AZURE_STORAGE_ACCOUNT") != "" && os.Getenv("AZURE_STORAGE_KEY") != "":
	case os.Getenv("AZURE_STORAGE_SAS_TOKEN") != "":
		return azureClient(service, name, "", "")
	case text != "":
		return connectionClient(text, string(name))
	}
	return azureblob.NewDefaultClient(service, name)
}

// azureClient has a key, or the token that is in the service's URL.
func azureClient(service azureblob.ServiceURL, name azureblob.ContainerName, account, key string) (*container.Client, error) {
	address, err := url.JoinPath(string(service), string(name))
	if err != nil {
		return nil, errors.New("the address of the Azure storage account is not valid")
	}
	if key == "" {
		return container.NewClientWithNoCredential(address, azureOptions())
	}
	shared, err := azblob.NewSharedKeyCredential(account, key)
	if err != nil {
		return nil, errors.New("AZURE_STORAGE_KEY is not a storage account's key")
	}
	return container.NewClientWithSharedKeyCredential(address, shared, azureOptions())
}

func azureCondition(etag string) *azure.AccessConditions {
	tag := azcore.ETag(etag)
	return &azure.AccessConditions{ModifiedAccessConditions: &azure.ModifiedAccessConditions{IfMatch: &tag}}
}

func azureWrite(as func(any) bool, etag string) error {
	var o *azblob.UploadStreamOptions
	if !as(&o) {
		return errHidden
	}
	o.AccessConditions = azureCondition(etag)
	return nil
}

func azureRead(as func(any) bool, etag string) error {
	var o *azure.DownloadStreamOptions
	if !as(&o) {
		return errHidden
	}
	o.AccessConditions = azureCondition(etag)
	return nil
}

func azureETag(r *blob.Reader) string {
	var out azure.DownloadStreamResponse
	if !r.As(&out) || out.ETag == nil {
		return ""
	}
	return string(*out.ETag)
}
