package stores

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A token is a part of a request's URL, and no error may have it: errors are
// logged.
func TestAzureErrorsHaveNoURL(t *testing.T) {
	server := httptest.NewServer(nil)
	server.Close()
	r, err := http.NewRequest(http.MethodGet, server.URL+"/box?sig=hunter2", nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = azureOptions().Transport.Do(r)
	if dial := (*net.OpError)(nil); !errors.As(err, &dial) || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("error %v", err)
	}
}

// The token of the environment is used with these requests too.
func TestAzureTokenOfTheEnvironment(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("sig") != "hunter2" {
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	defer server.Close()
	t.Setenv("AZURE_STORAGE_ACCOUNT", "me")
	t.Setenv("AZURE_STORAGE_SAS_TOKEN", "sv=1&sig=hunter2")
	s := open(t, "azblob://box?protocol=http&localemu=true&domain="+strings.TrimPrefix(server.URL, "http://"), Credentials{})
	if err := s.Bucket.Delete(context.Background(), "a"); err != nil && strings.Contains(err.Error(), "RESPONSE 403") {
		t.Error(err)
	}
}
