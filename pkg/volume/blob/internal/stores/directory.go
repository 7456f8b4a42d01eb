package stores

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"

	"github.com/directfs/runsc/pkg/volume/blob/internal/dirbucket"
	"gocloud.dev/blob"
)

// openDirectory opens a directory, with the parameters of fileblob.URLOpener.
func openDirectory(l Location) (*blob.Bucket, error) {
	q := l.url.Query()
	o := dirbucket.Options{}
	switch m := q.Get("metadata"); m {
	case "":
	case "skip":
		o.NoMetadata = true
	default:
		return nil, fmt.Errorf("metadata=%q in the URL; allowed: skip", m)
	}
	if m := q.Get("dir_file_mode"); m != "" {
		mode, err := strconv.ParseUint(m, 0, 32)
		if err != nil || fs.FileMode(mode)&^fs.ModePerm != 0 {
			return nil, fmt.Errorf("dir_file_mode=%q in the URL; allowed: permissions such as 0750", m)
		}
		o.DirMode = fs.FileMode(mode)
	}
	if q.Has("no_tmp_dir") && q.Get("no_tmp_dir") == "" {
		return nil, errors.New("no_tmp_dir is empty in the URL; temporary files are always made in the directory: leave it out")
	}
	if q.Get("create_dir") != "" {
		mode := o.DirMode
		if mode == 0 {
			mode = fs.ModePerm
		}
		if err := os.MkdirAll(l.url.Path, mode); err != nil {
			return nil, err
		}
	}
	return dirbucket.Open(l.url.Path, o)
}
