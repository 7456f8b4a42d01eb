package kubernetes

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// client creates pods faster than kubectl starts.
type client struct{ http.Client }

func newClient(t *testing.T) *client {
	c := &client{http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

// tryCreate has the API server review a pod and not store it.
func (c *client) tryCreate(name string) error {
	body := fmt.Sprintf(`{"apiVersion":"v1","kind":"Pod","metadata":{"name":%q},"spec":{"runtimeClassName":"runsc","containers":[{"name":"c","image":"i"}]}}`, name)
	r, err := http.NewRequest(http.MethodPost, server+"/api/v1/namespaces/default/pods?dryRun=All", strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer admin-token")
	a, err := c.Do(r)
	if err != nil {
		return err
	}
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	if err == nil && a.StatusCode != http.StatusCreated {
		err = fmt.Errorf("%s: %s", a.Status, text)
	}
	return err
}
