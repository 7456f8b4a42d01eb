package stores

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCredentialsCheck(t *testing.T) {
	for name, tt := range map[string]struct {
		url  string
		c    Credentials
		want string
	}{
		"none":                 {"s3://b", Credentials{}, ""},
		"env":                  {"s3://b", Credentials{EnvFile: "f"}, ""},
		"profile":              {"s3://b", Credentials{AWSFile: "f", AWSProfile: "p"}, ""},
		"profile without file": {"s3://b", Credentials{AWSProfile: "p"}, "profile=p in the URL"},
		"two":                  {"s3://b", Credentials{AWSFile: "f", EnvFile: "f"}, "two sources"},
		"gcs for s3":           {"s3://b", Credentials{GCSKeyFile: "f"}, "gcs-key-file is not for s3"},
		"aws for gs":           {"gs://b", Credentials{AWSFile: "f"}, "allowed: gcs-key-file"},
		"env for a directory":  {"file:///b", Credentials{EnvFile: "f"}, "allowed: none"},
		"role and file":        {"s3://b?role=arn:x", Credentials{EnvFile: "f"}, `"role" chooses credentials`},
		"role":                 {"s3://b?role=arn:x", Credentials{}, ""},
		"anonymous and key":    {"gs://b?anonymous=true", Credentials{GCSKeyFile: "f"}, `"anonymous" chooses`},
		"two accounts":         {"azblob://b?storage_account=me", Credentials{AzureConnectionFile: "f"}, "says where the storage account is"},
		"azure":                {"azblob://b", Credentials{AzureConnectionFile: "f"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := Parse(tt.url)
			if err != nil {
				t.Fatal(err)
			}
			err = tt.c.Check(l)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

func TestReadEnv(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		mode os.FileMode
		want string // in the error, or the value of A
	}{
		"plain":         {"# of the bucket\n\nA=one\nB=two\n", 0o600, "one"},
		"quoted":        {"A=\"one\"", 0o600, "one"},
		"equals sign":   {"A=one==", 0o640, "one=="},
		"no equals":     {"A=one\nhunter2\n", 0o600, "line 2: not KEY=VALUE"},
		"unknown":       {"C=hunter2", 0o600, `"C" is not known here; allowed: A, B`},
		"for everybody": {"A=hunter2", 0o644, "chmod o="},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "env")
			if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, tt.mode); err != nil {
				t.Fatal(err)
			}
			vars, err := readEnv(path, []string{"A", "B"})
			if err != nil {
				vars = map[string]string{"A": err.Error()}
			}
			if !strings.Contains(vars["A"], tt.want) || strings.Contains(vars["A"], "hunter2") {
				t.Errorf("got %q, want %q", vars["A"], tt.want)
			}
		})
	}
	if _, err := readEnv(t.TempDir(), nil); err == nil {
		t.Error("a directory was read")
	}
}
