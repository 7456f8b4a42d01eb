package stores

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
)

// Credentials are files. All that are empty: the process's environment counts,
// as each store's own tools read it.
type Credentials struct {
	// EnvFile has lines KEY=VALUE with the variables of the store's own tools.
	EnvFile string

	// AWSFile is an AWS shared credentials file, and AWSProfile a profile in it,
	// by default "default". It is read again every few minutes.
	AWSFile, AWSProfile string

	// GCSKeyFile is the JSON key of a service account.
	GCSKeyFile string

	// AzureConnectionFile has a connection string and nothing else.
	AzureConnectionFile string
}

// files are the settings that name a file, by the scheme that they are for.
func (c Credentials) files() map[string]string {
	all := map[string]string{"env-file": c.EnvFile, "aws-credentials-file": c.AWSFile,
		"gcs-key-file": c.GCSKeyFile, "azure-connection-file": c.AzureConnectionFile}
	for key, path := range all {
		if path == "" {
			delete(all, key)
		}
	}
	return all
}

// allowedFiles are the settings that each scheme knows.
var allowedFiles = map[string][]string{
	"s3":     {"aws-credentials-file", "env-file"},
	"gs":     {"gcs-key-file"},
	"azblob": {"azure-connection-file", "env-file"},
}

// errConnectionString is for parameters that would have no effect.
var errConnectionString = errors.New("a connection string says where the storage account is; remove what follows the question mark in the URL, and the other variables")

// Check says what is wrong with credentials for a store, without reading them.
func (c Credentials) Check(l Location) error {
	scheme, q := l.Scheme(), l.url.Query()
	files, allowed := c.files(), allowedFiles[scheme]
	for key := range files {
		if !slices.Contains(allowed, key) {
			return fmt.Errorf("%s is not for %s stores; allowed: %s", key, scheme, orNone(allowed))
		}
	}
	if len(files) > 0 {
		if err := checkOwnCredentials(q); err != nil {
			return err
		}
	}
	if c.AzureConnectionFile != "" && len(q) > 0 {
		return errConnectionString
	}
	if len(files) > 1 {
		return fmt.Errorf("there are two sources of credentials; keep one of %s", strings.Join(allowed, ", "))
	}
	if c.AWSProfile != "" && c.AWSFile == "" {
		return fmt.Errorf("aws-profile needs aws-credentials-file; without one, write profile=%s in the URL", c.AWSProfile)
	}
	return nil
}

func orNone(words []string) string {
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, ", ")
}

// ownCredentials are keys of URLs that choose credentials. Beside a file they
// would have no effect.
var ownCredentials = []string{"anonymous", "profile", "role", "web_identity_token_file"}

func checkOwnCredentials(q url.Values) error {
	for _, key := range ownCredentials {
		if q.Has(key) {
			return fmt.Errorf("the URL's key %q chooses credentials, and so does a file in the settings; remove one", key)
		}
	}
	return nil
}

// readSecret reads a file with credentials, which must be a secret on this
// machine.
func readSecret(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", path)
	case info.Mode()&0o007 != 0:
		return nil, fmt.Errorf("%s has credentials and mode %04o, so every user of this machine can use it; run chmod o= %s",
			path, info.Mode().Perm(), path)
	case info.Size() > 1<<20:
		return nil, fmt.Errorf("%s is larger than 1 MiB", path)
	}
	var text bytes.Buffer
	_, err = text.ReadFrom(f)
	return text.Bytes(), err
}

// readEnv reads the variables in a file. No error has a value in it.
func readEnv(path string, known []string) (map[string]string, error) {
	text, err := readSecret(path)
	if err != nil {
		return nil, err
	}
	vars := map[string]string{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok {
			return nil, fmt.Errorf("%s line %d: not KEY=VALUE", path, n)
		}
		if !slices.Contains(known, key) {
			return nil, fmt.Errorf("%s line %d: %q is not known here; allowed: %s", path, n, key, strings.Join(known, ", "))
		}
		vars[key] = unquote(value)
	}
	return vars, lines.Err()
}

// unquote removes one pair of quotes, as systemd's EnvironmentFile= and the
// shell have them.
func unquote(s string) string {
	for _, q := range []string{`"`, `'`} {
		if len(s) >= 2 && strings.HasPrefix(s, q) && strings.HasSuffix(s, q) {
			return s[1 : len(s)-1]
		}
	}
	return s
}
