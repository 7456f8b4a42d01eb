package stores

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Location is where a store is. Its text can be shown: nothing in it is secret.
type Location struct {
	text string
	url  url.URL
}

// String returns the URL.
func (l Location) String() string { return l.text }

// Scheme is the kind of store: s3, gs, azblob, file or mem.
func (l Location) Scheme() string { return l.url.Scheme }

// parameters are the query keys of each scheme. Others are refused before
// anybody prints them: they may be secrets in the wrong place. Those that only
// serve to sign URLs, and the prefix, which is a setting of the volume, are
// left out. The lists are those of gocloud.dev v0.49.
var parameters = map[string][]string{
	"s3": {"accelerate", "anonymous", "disable_https", "dualstack", "endpoint", "fips", "hostname_immutable",
		"kmskeyid", "profile", "rate_limiter_capacity", "region", "request_checksum_calculation",
		"response_checksum_validation", "role", "role_duration", "role_external_id", "role_session_name",
		"ssetype", "use_path_style", "web_identity_token_file"},
	"gs":     {"anonymous", "grpc", "universe_domain", "zonal"},
	"azblob": {"cdn", "domain", "localemu", "protocol", "storage_account"},
	"file":   {"create_dir", "dir_file_mode", "metadata", "no_tmp_dir"},
	"mem":    nil,
}

// Schemes are the kinds of stores, sorted.
func Schemes() []string {
	var all []string
	for s := range parameters {
		all = append(all, s)
	}
	slices.Sort(all)
	return all
}

// errCredentials says where credentials belong.
var errCredentials = errors.New("a URL has no credentials in it; put them in a file and name it in the volume's settings")

// Parse checks a store's URL. No error has the URL in it, which may have a secret
// in the wrong place.
func Parse(text string) (Location, error) {
	u, err := url.Parse(text)
	if err != nil {
		var e *url.Error
		if errors.As(err, &e) && e.Err != nil {
			err = e.Err
		}
		return Location{}, fmt.Errorf("not a URL: %w", err)
	}
	known, ok := parameters[u.Scheme]
	if !ok {
		return Location{}, fmt.Errorf("no store has the scheme %q; allowed: %s", u.Scheme, schemeList())
	}
	if u.User != nil {
		return Location{}, errCredentials
	}
	if err := checkQuery(u, known); err != nil {
		return Location{}, err
	}
	return Location{text, *u}, checkPlace(u)
}

func schemeList() string { return strings.Join(Schemes(), ", ") }

func checkQuery(u *url.URL, known []string) error {
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return errors.New("the part after the question mark cannot be read; it is KEY=VALUE&KEY=VALUE, with special characters as %XX")
	}
	for key, values := range q {
		switch {
		case key == "prefix":
			return errors.New("the key \"prefix\" in a URL has no effect here; use the volume's setting prefix")
		case !slices.Contains(known, key):
			return fmt.Errorf("a %s URL has no key %q; allowed: %s", u.Scheme, key, strings.Join(known, ", "))
		case len(values) > 1:
			return fmt.Errorf("the key %q is there %d times; write it once", key, len(values))
		}
	}
	if e := q.Get("endpoint"); e != "" {
		return checkEndpoint(e)
	}
	return nil
}

func checkEndpoint(text string) error {
	e, err := url.Parse(text)
	switch {
	case err != nil || e.Host == "" || e.Scheme != "http" && e.Scheme != "https":
		return errors.New("the value of the key \"endpoint\" is not http://HOST or https://HOST")
	case e.User != nil || e.RawQuery != "":
		return errCredentials
	}
	return nil
}

// checkPlace refuses a URL of which a part would be ignored.
func checkPlace(u *url.URL) error {
	switch {
	case u.Fragment != "":
		return errors.New("a store's URL has nothing after a number sign")
	case u.Scheme == "file":
		if u.Host != "" || u.Path == "" {
			return errors.New("a file URL is file:///ABSOLUTE/PATH")
		}
	case u.Path != "" && u.Path != "/":
		return fmt.Errorf("a bucket's URL has no path; remove it and use the volume's setting prefix, %q", strings.Trim(u.Path, "/")+"/")
	case u.Host == "" && u.Scheme != "mem":
		return fmt.Errorf("the bucket's name is missing: %s://BUCKET", u.Scheme)
	}
	return nil
}
