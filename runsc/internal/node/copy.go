package node

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// replace makes a program equal to another one, by a new file under the old name:
// processes that run keep theirs, and none ever finds half of one. It reports
// whether there was something to do.
func replace(from, to string) (changed bool, err error) {
	in, err := os.Open(from)
	if err != nil {
		return false, err
	}
	defer in.Close()
	if same, err := sameContent(in, to); err != nil || same {
		return false, err
	}
	if _, err := in.Seek(0, io.SeekStart); err != nil {
		return false, err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return false, err
	}
	out, err := os.CreateTemp(filepath.Dir(to), "."+filepath.Base(to)+"-*")
	if err != nil {
		return false, err
	}
	_, err = io.Copy(out, in)
	err = errors.Join(err, out.Chmod(0o755), out.Sync(), out.Close())
	if err == nil {
		err = os.Rename(out.Name(), to)
	}
	if err != nil {
		return false, errors.Join(fmt.Errorf("copying to %s: %w", to, err), os.Remove(out.Name()))
	}
	return true, nil
}

// sameContent compares without reading more than one needs to.
func sameContent(in *os.File, name string) (bool, error) {
	old, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer old.Close()
	a, err := in.Stat()
	if err != nil {
		return false, err
	}
	b, err := old.Stat()
	if err != nil || a.Size() != b.Size() || b.Mode().Perm()&0o111 == 0 {
		return false, err
	}
	one, two := make([]byte, 1<<20), make([]byte, 1<<20)
	for {
		n, errOne := io.ReadFull(in, one)
		m, errTwo := io.ReadFull(old, two)
		if !bytes.Equal(one[:n], two[:m]) {
			return false, nil
		}
		if errOne != nil || errTwo != nil {
			end := func(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }
			if end(errOne) && end(errTwo) {
				return true, nil
			}
			return false, errors.Join(errOne, errTwo)
		}
	}
}
