package blob

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"syscall"
	"testing"
	"testing/iotest"
)

// funcReader and funcWriter are what they call.
type (
	funcReader func(p []byte) (int, error)
	funcWriter func(p []byte) (int, error)
)

func (f funcReader) Read(p []byte) (int, error)  { return f(p) }
func (f funcWriter) Write(p []byte) (int, error) { return f(p) }

func TestPumpCopies(t *testing.T) {
	for _, size := range []int{0, 1, bufferBytes - 1, bufferBytes, bufferBytes + 1, pumpBuffers * bufferBytes, 9*bufferBytes + 5} {
		content := []byte(large(size))
		for name, r := range map[string]io.Reader{
			"at once":             bytes.NewReader(content),
			"in halves":           iotest.HalfReader(bytes.NewReader(content)),
			"the end with a byte": iotest.DataErrReader(bytes.NewReader(content)),
		} {
			t.Run(fmt.Sprintf("%d bytes, %s", size, name), func(t *testing.T) {
				var got bytes.Buffer
				n, err := pump(&got, r, func() { t.Error("stopped") })
				if err != nil || n != int64(size) || !bytes.Equal(got.Bytes(), content) {
					t.Fatalf("%d bytes, %v", n, err)
				}
			})
		}
	}
}

// What was read before an error is written, and the error is returned.
func TestPumpReadFails(t *testing.T) {
	for _, size := range []int{0, 3, 5 * bufferBytes, 5*bufferBytes + 3} {
		content := []byte(large(size))
		for _, fail := range []error{errFault, io.ErrUnexpectedEOF} {
			var got bytes.Buffer
			r := io.MultiReader(bytes.NewReader(content), iotest.ErrReader(fail))
			n, err := pump(&got, r, func() { t.Error("stopped") })
			if !errors.Is(err, fail) || n != int64(size) || !bytes.Equal(got.Bytes(), content) {
				t.Fatalf("%d bytes of %d, %v", n, size, err)
			}
		}
	}
}

// A write fails while the store sends nothing: the reading ends too, and nothing is
// written any more.
func TestPumpWriteFails(t *testing.T) {
	stopped, waiting := make(chan struct{}), make(chan struct{})
	reads, writes, ended := 0, 0, false
	r := funcReader(func(p []byte) (int, error) {
		if reads++; reads == 1 {
			return len(p), nil
		}
		close(waiting)
		<-stopped
		ended = true
		return 0, syscall.ECONNRESET
	})
	w := funcWriter(func(p []byte) (int, error) {
		writes++
		<-waiting
		return 7, syscall.ENOSPC
	})
	n, err := pump(w, r, func() { close(stopped) })
	if n != 7 || !errors.Is(err, syscall.ENOSPC) || writes != 1 || !ended {
		t.Fatalf("%d bytes, %v, %d writes, ended %v", n, err, writes, ended)
	}
}

// Who goes on sending after a failed write is not listened to.
func TestPumpWriteFailsWhileReading(t *testing.T) {
	reads := 0
	r := funcReader(func(p []byte) (int, error) { reads++; return len(p), nil }) // without end
	w := funcWriter(func(p []byte) (int, error) { return 0, syscall.ENOSPC })
	if n, err := pump(w, r, func() {}); n != 0 || !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(n, err)
	}
	if reads > pumpBuffers {
		t.Fatalf("%d reads", reads)
	}
}
