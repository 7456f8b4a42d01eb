package dirbucket

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
)

// sidecar is the end of the name of a file with another one's attributes.
const sidecar = ".attrs"

// nameMax is how long a name may be, NAME_MAX of Linux.
const nameMax = 255

// sidecarOf returns the path of the sidecar of a path. Where fileblob's name for it
// is too long, it has a hash.
func sidecarOf(at string) string {
	dir, name := path.Split(at)
	if len(name+sidecar) > nameMax {
		name = fmt.Sprintf(".volumed-%x", sha256.Sum256([]byte(name)))
	}
	return dir + name + sidecar
}

// sidecarMax bounds what is read of one.
const sidecarMax = 1 << 20

// attributes are those of fileblob.
type attributes struct {
	CacheControl       string            `json:"user.cache_control"`
	ContentDisposition string            `json:"user.content_disposition"`
	ContentEncoding    string            `json:"user.content_encoding"`
	ContentLanguage    string            `json:"user.content_language"`
	ContentType        string            `json:"user.content_type"`
	Metadata           map[string]string `json:"user.metadata"`
	MD5                []byte            `json:"md5"`
}

// attributes reads those of a file. Without a sidecar they are empty.
func (t *tree) attributes(path string) (a attributes, err error) {
	path = sidecarOf(path)
	found, _, err := t.object(path)
	if errors.Is(err, fs.ErrNotExist) {
		return attributes{ContentType: "application/octet-stream"}, nil
	}
	if err != nil {
		return a, err
	}
	defer found.Close()
	f, err := read(found)
	if err != nil {
		return a, err
	}
	defer f.Close()
	if err := json.NewDecoder(io.LimitReader(f, sidecarMax)).Decode(&a); err != nil {
		return attributes{}, fmt.Errorf("attributes in %s: %w", path, err)
	}
	return a, nil
}

// write makes a sidecar, which is not there yet, in a directory.
func (a attributes) write(dir *os.File, name string) error {
	f, err := create(dir, name)
	if err != nil {
		return err
	}
	return errors.Join(json.NewEncoder(f).Encode(a), f.Close())
}
