package harness

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
)

// Stream collects what a container writes, line by line.
type Stream struct {
	lines chan string
	spoke chan struct{} // closed with the first line, or at the end
	ended chan struct{}

	mu  sync.Mutex
	all strings.Builder
}

// newStream returns a stream and the end of a pipe that feeds it. Close that
// end after it was handed to a process: the stream ends when the last process
// that has it is gone.
func newStream() (*Stream, *os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	// Far more lines than any guest prints; a full channel would only stop the
	// guest until someone reads.
	s := &Stream{lines: make(chan string, 4096), spoke: make(chan struct{}), ended: make(chan struct{})}
	go s.collect(r)
	return s, w, nil
}

func (s *Stream) collect(r *os.File) {
	speak := sync.OnceFunc(func() { close(s.spoke) })
	defer close(s.ended)
	defer close(s.lines)
	defer speak()
	defer r.Close()
	in := bufio.NewReader(r)
	for {
		line, err := in.ReadString('\n')
		if line != "" {
			s.mu.Lock()
			s.all.WriteString(line)
			s.mu.Unlock()
			speak()
			s.lines <- strings.TrimSuffix(line, "\n")
		}
		if err != nil {
			return
		}
	}
}

// Line returns the next line, or io.EOF after the last one.
func (s *Stream) Line(ctx context.Context) (string, error) {
	select {
	case l, ok := <-s.lines:
		if !ok {
			return "", io.EOF
		}
		return l, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// awaitWord waits until there was a line, whoever reads it, or until there can
// be none.
func (s *Stream) awaitWord(ctx context.Context) error {
	select {
	case <-s.spoke:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Text returns everything written so far, lines already taken included.
func (s *Stream) Text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all.String()
}

// wait waits until nobody can write any more.
func (s *Stream) wait(ctx context.Context) error {
	select {
	case <-s.ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// output is where a container's process writes, and the ends of the pipes that
// runsc hands to it.
type output struct {
	stdout, stderr *Stream
	outEnd, errEnd *os.File
}

func newOutput() (output, error) {
	var o output
	var err error
	if o.stdout, o.outEnd, err = newStream(); err != nil {
		return o, err
	}
	if o.stderr, o.errEnd, err = newStream(); err != nil {
		o.outEnd.Close()
	}
	return o, err
}

// close closes our ends of the pipes, so that the streams end with the last
// process that has them. It may be called again.
func (o output) close() error {
	var errs []error
	for _, f := range []*os.File{o.outEnd, o.errEnd} {
		if err := f.Close(); !errors.Is(err, os.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
