package stores

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for name, tt := range map[string]struct{ url, want string }{
		"s3":                       {"s3://bucket?region=eu-west-1", ""},
		"s3 slash":                 {"s3://bucket/", ""},
		"s3 endpoint":              {"s3://bucket?endpoint=http://127.0.0.1:9000&use_path_style=true", ""},
		"gs":                       {"gs://bucket", ""},
		"azblob":                   {"azblob://container?storage_account=me", ""},
		"file":                     {"file:///srv/data", ""},
		"mem":                      {"mem://", ""},
		"no scheme":                {"/srv/data", `no store has the scheme ""`},
		"other scheme":             {"https://bucket.example.com", "allowed: azblob, file, gs, mem, s3"},
		"unknown key":              {"s3://bucket?secret=hunter2", `no key "secret"`},
		"key twice":                {"s3://bucket?region=hunter2&region=b", "2 times"},
		"bad query":                {"s3://bucket?region=hunter2%", "after the question mark"},
		"prefix key":               {"s3://bucket?prefix=hunter2", "the volume's setting prefix"},
		"path":                     {"s3://bucket/dir", `setting prefix, "dir/"`},
		"no bucket":                {"s3://", "s3://BUCKET"},
		"relative file":            {"file://data", "file:///ABSOLUTE/PATH"},
		"fragment":                 {"s3://bucket#hunter2", "number sign"},
		"user":                     {"s3://hunter2:hunter2@bucket", "no credentials"},
		"user of the endpoint":     {"s3://bucket?endpoint=http://hunter2:hunter2@host", "no credentials"},
		"endpoint without scheme":  {"s3://bucket?endpoint=hunter2", "http://HOST"},
		"secret where it must not": {"s3://bucket?endpoint=http://host?hunter2", "no credentials"},
		"not a URL":                {"s3://hunter2:hunter2@bucket:port%zz", "not a URL"},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := Parse(tt.url)
			switch {
			case tt.want == "" && err != nil:
				t.Fatal(err)
			case tt.want == "":
				if l.String() != tt.url {
					t.Errorf("got %s", l)
				}
			case err == nil || !strings.Contains(err.Error(), tt.want):
				t.Fatalf("error %v, want %q in it", err, tt.want)
			case strings.Contains(err.Error(), "hunter2"):
				t.Errorf("a secret is shown: %v", err)
			}
		})
	}
}
