package stores

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/directfs/runsc/pkg/volume/blob/internal/dirbucket"
	"gocloud.dev/gcerrors"
	"golang.org/x/oauth2"
	"google.golang.org/api/googleapi"
)

// Problem is why a store cannot be used, for people.
type Problem struct {
	// Reason names no address and no credentials: it can be shown to whoever
	// asked for the volume. Remedy is for the operator, as is Err.
	Reason, Remedy string
	Err            error
}

func (p *Problem) Error() string {
	return fmt.Sprintf("%s; %s (%v)", p.Reason, p.Remedy, p.Err)
}

func (p *Problem) Unwrap() error { return p.Err }

// Explain makes a Problem of what a store, or opening one, returned.
func Explain(err error) *Problem {
	var known *Problem
	if errors.As(err, &known) {
		return known
	}
	p := &Problem{Err: err}
	p.Reason, p.Remedy = explain(err)
	return p
}

func explain(err error) (reason, remedy string) {
	var (
		dns  *net.DNSError
		dial *net.OpError
		text = err.Error()
	)
	status := httpStatus(err)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "the store did not answer in time", "check the network, and the address in the URL"
	case strings.Contains(text, "get credentials"), strings.Contains(text, "DefaultAzureCredential"):
		return "there are no credentials for the store", "name a file with credentials in the volume's settings, or set the environment of volumed"
	case errors.Is(err, dirbucket.ErrLink):
		return "the volume's prefix leads through a symbolic link", "links in a directory that is a store are not followed; name the directory to which it leads"
	case status == http.StatusUnauthorized, status == http.StatusForbidden, gcerrors.Code(err) == gcerrors.PermissionDenied:
		return "the store refuses the credentials", "check that they are of this store, not expired, and may list, read and write in the bucket"
	case status == http.StatusMovedPermanently, status == http.StatusTemporaryRedirect:
		return "the bucket is in another region", "correct region in the URL"
	case status == http.StatusNotFound, gcerrors.Code(err) == gcerrors.NotFound, errors.Is(err, fs.ErrNotExist):
		return "the bucket does not exist", "check its name, the region and the endpoint in the URL, and that the credentials are of its account"
	case errors.As(err, &dns):
		return "the store's address is not known", "check the endpoint, region or account in the URL, and that names can be resolved; for a store that is not Amazon's, use_path_style=true may be missing"
	case errors.As(err, &dial) && dial.Op == "dial":
		return "there is no connection to the store", "check the network, the endpoint in the URL, and that the store runs"
	}
	return "the store does not work", "see the error"
}

// httpStatus returns the status of the store's answer, or 0.
func httpStatus(err error) int {
	var (
		aws    interface{ HTTPStatusCode() int }
		azure  *azcore.ResponseError
		google *googleapi.Error
		token  *oauth2.RetrieveError
	)
	switch {
	case errors.As(err, &aws):
		return aws.HTTPStatusCode()
	case errors.As(err, &azure):
		return azure.StatusCode
	case errors.As(err, &google):
		return google.Code
	case errors.As(err, &token):
		return http.StatusUnauthorized
	}
	return 0
}
