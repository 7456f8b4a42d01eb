package handoff

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/directfs/runsc/pkg/volume/internal/packet"
	"golang.org/x/sys/unix"
)

// answer is a reply that is no refusal.
type answer struct {
	Info
	root *os.File // for a header that asks for it
}

func (a answer) close() {
	if a.root != nil {
		a.root.Close()
	}
}

// patience is how long an exchange may take to notice that its context is over.
const patience = time.Second

// inTime makes an exchange, and leaves it to itself if it does not end with the
// context: what is done with files of the daemon's can take as long as it likes.
func (c *Conn) inTime(ctx context.Context, h Header, files []*os.File) (answer, error) {
	type result struct {
		answer
		err error
	}
	done := make(chan result, 1)
	go func() {
		a, err := c.exchange(ctx, h, files)
		done <- result{a, err}
	}()
	select {
	case r := <-done:
		return r.answer, r.err
	case <-ctx.Done():
	}
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case r := <-done:
		return r.answer, r.err
	case <-t.C:
		c.left.Store(true)
		go func() { (<-done).close() }()
		return answer{}, fmt.Errorf("looking at the reply: %w", ctx.Err())
	}
}

func (c *Conn) exchange(ctx context.Context, h Header, files []*os.File) (answer, error) {
	message, err := h.Encode()
	if err != nil {
		return answer{}, malformed{err}
	}
	defer packet.Bound(ctx, c.c)()
	sendErr := packet.Send(c.c, message, files...)
	if sendErr != nil && !errors.Is(sendErr, unix.EPIPE) && !errors.Is(sendErr, unix.ECONNRESET) {
		return answer{}, overdue(ctx, fmt.Errorf("sending the request: %w", sendErr))
	}
	// A daemon may refuse a client before it has read anything.
	expected := 0
	if h.Root {
		expected = 1
	}
	message, files, err = packet.Receive(c.c, MaxMessage, expected)
	if errors.Is(err, packet.ErrTooLong) {
		return answer{}, malformed{fmt.Errorf("the reply has more than %d bytes, or files that nobody asked for", MaxMessage)}
	}
	if err != nil {
		return answer{}, overdue(ctx, fmt.Errorf("waiting for the reply: %w", err))
	}
	a, err := readReply(h, message, files)
	if err != nil {
		packet.Close(files)
	}
	return a, err
}

func readReply(h Header, message []byte, files []*os.File) (answer, error) {
	r, err := DecodeReply(message)
	switch {
	case err != nil:
		return answer{}, malformed{err}
	case r.Refusal != "":
		return answer{}, &Error{Kind: r.Refusal, Text: r.Text}
	case !h.Root && len(files) > 0 || h.Root && len(files) != 1:
		return answer{}, malformed{fmt.Errorf("the reply came with %d files", len(files))}
	case !h.Root:
		return answer{Info: r.Info}, nil
	}
	if err := checkRoot(files[0]); err != nil {
		return answer{}, malformed{err}
	}
	return answer{r.Info, files[0]}, nil
}

// checkRoot refuses what is no directory. (One cannot be open for writing.)
func checkRoot(f *os.File) error {
	st, err := f.Stat()
	if err == nil && !st.IsDir() {
		err = errors.New("it is no directory")
	}
	if err != nil {
		return fmt.Errorf("the root that came with the reply: %w", err)
	}
	return nil
}

// malformed is what one side sent and the other one does not understand.
type malformed struct{ error }

func (e malformed) Unwrap() error { return e.error }

// overdue names the context's error where that is what ended a call.
func overdue(ctx context.Context, err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		<-ctx.Done() // the connection's timer may be a little earlier
		return fmt.Errorf("%w: %w", err, ctx.Err())
	}
	return err
}
