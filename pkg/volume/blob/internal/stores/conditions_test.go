package stores

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

// conditions tries what a store must refuse: the object is there with an ETag
// that match has, and not with "stale".
func conditions(t *testing.T, s *Store, key, match string) {
	t.Helper()
	ctx := context.Background()
	for etag, want := range map[string]gcerrors.ErrorCode{match: gcerrors.OK, "stale": gcerrors.FailedPrecondition} {
		w, r := new(blob.WriterOptions), new(blob.ReaderOptions)
		s.IfMatch(w, etag)
		if err := s.Bucket.WriteAll(ctx, key, []byte("new"), w); gcerrors.Code(err) != want {
			t.Errorf("writing with ETag %s: %v, want %v", etag, err, want)
		}
		s.ReadIfMatch(r, etag)
		body, err := s.Bucket.NewReader(ctx, key, r)
		if err == nil {
			if s.ReaderETag != nil && s.ReaderETag(body) != etag {
				t.Errorf("the reader has the ETag %q, want %s", s.ReaderETag(body), etag)
			}
			body.Close()
		}
		if gcerrors.Code(err) != want {
			t.Errorf("reading with ETag %s: %v, want %v", etag, err, want)
		}
	}
}

// The store compares generations, not ETags.
func TestGCSConditions(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		object, _ := json.Marshal(map[string]any{"bucket": "shelf", "name": "a", "etag": "CJ+1", "generation": "7", "size": "3"})
		generation := r.URL.Query().Get("ifGenerationMatch")
		if g := r.Header.Get("x-goog-if-generation-match"); g != "" {
			generation = g
		}
		switch {
		case strings.HasPrefix(r.URL.Path, "/upload/"), strings.HasSuffix(r.URL.Path, "shelf/a"), r.URL.Query().Get("alt") == "media":
			if generation != "7" {
				w.WriteHeader(http.StatusPreconditionFailed)
				return
			}
		default:
			asked++
		}
		w.Write(object)
	}))
	defer server.Close()
	t.Setenv("STORAGE_EMULATOR_HOST", strings.TrimPrefix(server.URL, "http://"))
	s := open(t, "gs://shelf", Credentials{})
	conditions(t, s, "a", etag(t, s.Bucket, "a"))
	if asked != 4 { // for the attributes, once for the right ETag, twice for the stale one
		t.Errorf("asked %d times, want 4", asked)
	}
}

func TestAzureConditions(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		if r.Header.Get("If-Match") != `"0x8D"` {
			w.Header().Set("x-ms-error-code", "ConditionNotMet")
			w.WriteHeader(http.StatusPreconditionFailed)
			return
		}
		w.Header().Set("ETag", r.Header.Get("If-Match"))
		w.Header().Set("Last-Modified", "Mon, 02 Jan 2006 15:04:05 GMT")
		w.Header().Set("Content-Type", "text/plain")
		if r.Method == http.MethodPut {
			w.WriteHeader(http.StatusCreated)
		}
	}))
	defer server.Close()
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	connection := fmt.Sprintf("DefaultEndpointsProtocol=http;AccountName=me;AccountKey=a2V5;BlobEndpoint=%s/me;", u)
	for name, tt := range map[string]struct {
		url string
		c   Credentials
	}{
		"connection string": {"azblob://shelf", Credentials{AzureConnectionFile: writeFile(t, connection+"\n")}},
		"key": {"azblob://shelf?localemu=true&protocol=http&domain=" + u.Host,
			Credentials{EnvFile: writeFile(t, "AZURE_STORAGE_ACCOUNT=me\nAZURE_STORAGE_KEY=a2V5\n")}},
	} {
		t.Run(name, func(t *testing.T) { conditions(t, open(t, tt.url, tt.c), "a", `"0x8D"`) })
	}
}

// What a library says about a secret does not reach anybody.
func TestSecretsStaySecret(t *testing.T) {
	for name, tt := range map[string]struct {
		url string
		c   Credentials
	}{
		"connection string": {"azblob://shelf", Credentials{AzureConnectionFile: writeFile(t, "AccountKey=hunter2")}},
		"azure key": {"azblob://shelf?storage_account=me",
			Credentials{EnvFile: writeFile(t, "AZURE_STORAGE_ACCOUNT=me\nAZURE_STORAGE_KEY=hunter2!\n")}},
		"service account": {"gs://shelf", Credentials{GCSKeyFile: writeFile(t, `{"type":"service_account","private_key":"hunter2"`)}},
		"another type":    {"gs://shelf", Credentials{GCSKeyFile: writeFile(t, `{"type":"external_account","hunter2":"hunter2"}`)}},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := Parse(tt.url)
			if err != nil {
				t.Fatal(err)
			}
			s, err := Open(context.Background(), l, tt.c)
			if err == nil {
				s.Bucket.Close()
				t.Fatal("no error")
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("a secret is shown: %v", err)
			}
		})
	}
}

func TestLocalStores(t *testing.T) {
	for _, url := range []string{"mem://", "file://" + t.TempDir()} {
		t.Run(url, func(t *testing.T) {
			s := open(t, url, Credentials{})
			if s.IfMatch != nil || s.ReadIfMatch != nil {
				t.Error("this store cannot compare ETags")
			}
			if err := s.Bucket.WriteAll(context.Background(), "a/b", []byte("text"), nil); err != nil {
				t.Error(err)
			}
		})
	}
}

// A prefix that leads through a link is no empty volume, and is not the store's fault.
func TestPrefixBehindLink(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink(t.TempDir(), filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	s := open(t, "file://"+dir, Credentials{})
	_, _, err := s.Bucket.ListPage(t.Context(), blob.FirstPageToken, 1, &blob.ListOptions{Prefix: "link/"})
	if err == nil || !strings.Contains(Explain(err).Reason, "symbolic link") {
		t.Errorf("listing: %v", err)
	}
}

func TestDirectoryParameters(t *testing.T) {
	dir := t.TempDir()
	for query, ok := range map[string]bool{
		"": true, "?metadata=skip": true, "?metadata=xattr": false, "?dir_file_mode=0700": true, "?dir_file_mode=x": false,
		"?no_tmp_dir=true": true, "?no_tmp_dir=": false, "/new": false, "/new?create_dir=true": true,
	} {
		l, err := Parse("file://" + dir + query)
		if err != nil {
			t.Fatal(err)
		}
		s, err := Open(t.Context(), l, Credentials{})
		if (err == nil) != ok {
			t.Errorf("%s: %v", query, err)
		}
		if err == nil {
			s.Bucket.Close()
		}
		os.Remove(filepath.Join(dir, "new"))
	}
}
