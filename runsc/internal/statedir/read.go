package statedir

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/runsc/container"
)

// maxFile is more than a state, or a Plan, is ever long.
const maxFile = 256 << 20

// readFile reads a file of the root directory. It does not wait for who writes
// to a FIFO, nor read without end.
func readFile(name string) ([]byte, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: it is not a regular file", name)
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("%s: it is longer than %d bytes", name, maxFile)
	}
	data := bytes.NewBuffer(make([]byte, 0, info.Size()+bytes.MinRead))
	_, err = data.ReadFrom(io.LimitReader(f, maxFile))
	return data.Bytes(), err
}

// Peek reads what the engine has saved of a container, and does not wait for
// who has it locked. Nothing must be done with it that the engine would save.
func Peek(root string, id ID) (*container.Container, error) {
	data, err := readFile(path(root, id, engineSuffix))
	if err != nil {
		return nil, err
	}
	c := &container.Container{}
	return c, json.Unmarshal(data, c)
}
