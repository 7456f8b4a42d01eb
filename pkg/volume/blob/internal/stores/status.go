package stores

import (
	"errors"
	"net/http"

	"cloud.google.com/go/storage"
	"google.golang.org/api/googleapi"
)

// limits are reasons with which Google refuses too many requests as forbidden.
var limits = map[string]bool{"rateLimitExceeded": true, "userRateLimitExceeded": true, "quotaExceeded": true}

// Status is the HTTP status that the store answered, or 0 if it did not. The codes of
// gocloud.dev do not tell what is missing from what is forbidden (Google), moved (S3)
// or a host whose name cannot be looked up (Azure).
func Status(err error) int {
	if errors.Is(err, storage.ErrObjectNotExist) {
		return http.StatusNotFound
	}
	if google := (*googleapi.Error)(nil); errors.As(err, &google) && google.Code == http.StatusForbidden {
		for _, e := range google.Errors {
			if limits[e.Reason] {
				return http.StatusTooManyRequests
			}
		}
	}
	return httpStatus(err)
}
